import { expect, it } from "vitest";

import type { Quiesce } from "../node-facts.ts";
import type { withQuiesce } from "../quiesce/quiesce.ts";
import { withAllQuiet, type QuietVolume } from "./quiet.ts";

interface Steps {
  readonly steps: string[];
  readonly hold: typeof withQuiesce;
  readonly warn: (error: Error) => void;
}

/** Holds nothing, and tells in which order it would. */
function tellSteps(done?: "none"): Steps {
  const steps: string[] = [];
  return {
    steps,
    hold: async ({ kind, unit }, work) => {
      steps.push(`${kind} ${unit}`);
      const result = await work(done ?? kind);
      steps.push(`let go ${unit}`);
      return { result, quiesce: done ?? kind, heldMs: 0 };
    },
    warn: ({ message }) => steps.push(message),
  };
}

function volume(quiesce: Quiesce, unit: string | undefined, { steps }: Steps, failure?: Error): QuietVolume {
  const flush = (): Promise<void> => {
    steps.push("flush");
    return failure === undefined ? Promise.resolve() : Promise.reject(failure);
  };
  return { quiesce, config: { unit } as QuietVolume["config"], resolved: "/data", folder: undefined, node: { flush } };
}

async function take(volumes: readonly QuietVolume[], told: Steps, canAsk = true): Promise<Quiesce[]> {
  const done = await withAllQuiet(volumes, { canAsk, ...told }, (quieted) => {
    told.steps.push("take");
    return Promise.resolve(quieted);
  });
  return volumes.map((one) => done.get(one) ?? "none");
}

it("holds the unit of several volumes once, and each unit within the other", async () => {
  const told = tellSteps();
  const volumes = [
    volume("stop", "validator", told),
    volume("stop", "validator.service", told),
    volume("freeze", "other", told),
    volume("none", undefined, told),
  ];
  expect(await take(volumes, told)).toEqual(["stop", "stop", "freeze", "none"]);
  expect(told.steps).toEqual([
    "stop validator.service",
    "freeze other.service",
    "take",
    "let go other.service",
    "let go validator.service",
  ]);
});

it("stops a unit that one volume wants frozen and another stopped", async () => {
  const told = tellSteps();
  expect(await take([volume("freeze", "node", told), volume("stop", "node", told)], told)).toEqual(["stop", "stop"]);
});

it("asks nodes to write out before any is held: one that stands still could not", async () => {
  const told = tellSteps();
  expect(await take([volume("freeze", "node", told), volume("flush", undefined, told)], told)).toEqual([
    "freeze",
    "flush",
  ]);
  expect(told.steps).toEqual(["flush", "freeze node.service", "take", "let go node.service"]);
});

it("does not wait for the flush of a node that does not answer", async () => {
  const told = tellSteps();
  expect(await take([volume("flush", undefined, told)], told, false)).toEqual(["none"]);
  expect(told.steps).toEqual(["take"]);
});

it("takes all the same when a node cannot be flushed, or not be held", async () => {
  const told = tellSteps("none");
  const volumes = [volume("flush", undefined, told, new Error("no")), volume("stop", "node", told)];
  expect(await take(volumes, told)).toEqual(["none", "none"]);
  expect(told.steps).toContain("no");
});
