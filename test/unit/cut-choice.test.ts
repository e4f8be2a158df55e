import { expect, it } from "vitest";

import { isSameStep, nameOf, nextMoment, unique } from "../cut/choice.ts";
import { type Moment, OPERATIONS } from "../cut/events.ts";

/** Of each operation one step more than of the one before, the last of them one that nobody has heard of. */
const known: Moment[] = OPERATIONS.flatMap((operation, i) =>
  [...Array.from({ length: i }, (_, at) => `step ${String(at)}`), "new"].flatMap((step): Moment[] => [
    { operation, step, when: "before" },
    { operation, step, when: "after" },
  ]),
);

function chosen(count: number, seed: string): Moment[] {
  const cut: Moment[] = [];
  for (let i = 0; i < count; i++) cut.push(nextMoment(known, cut, `${seed} ${String(i)}`));
  return cut;
}

it("the first cuts are of each operation", () => {
  const cut = chosen(OPERATIONS.length, "a");
  expect(new Set(cut.map(({ operation }) => operation))).toEqual(new Set(OPERATIONS));
});

it("then no step is left out, then no moment", () => {
  const steps = known.filter((moment, i) => known.findIndex((other) => isSameStep(moment, other)) === i);
  const cut = chosen(known.length, "b");
  expect(steps.every((step) => cut.slice(0, steps.length).some((moment) => isSameStep(moment, step)))).toBe(true);
  expect(new Set(cut.map(nameOf))).toEqual(new Set(known.map(nameOf)));
});

it("is the same for the same seed, and another for another", () => {
  expect(chosen(20, "c")).toEqual(chosen(20, "c"));
  expect(chosen(20, "c")).not.toEqual(chosen(20, "d"));
});

it("goes on when all is cut, and leaves recovery to itself", () => {
  const recover: Moment = { operation: "recover", step: "sync", when: "before" };
  const next = nextMoment([...known, recover], known, "e");
  expect(unique(known)).toContainEqual(next);
});

it("refuses when it has not seen all operations", () => {
  expect(() => nextMoment(known.slice(2), [], "f")).toThrow("No step is known of snapshot");
});
