import { expect, it } from "vitest";

import { someSnapshot } from "../../test/support/some-snapshot.ts";
import type { Snapshot, UndoPoint } from "../driver/driver.ts";
import { choiceWarnings } from "./choice-warnings.ts";

function snapshot(height: bigint, outcome?: "exact" | "passed" | "differs" | "failed"): Snapshot {
  const at = "2026-11-26T12:00:00.000Z";
  return someSnapshot(
    height,
    outcome === undefined ? {} : { record: { btm: 1, verified: { outcome, at, seconds: 1 } } },
  );
}

const point = (number: number, ...heights: readonly bigint[]): UndoPoint => {
  return { number, snapshots: heights.map((height) => snapshot(height)) } as unknown as UndoPoint;
};

it("tells of one that was found no good, and of the newest below it that was found good", () => {
  const good = snapshot(20n, "exact");
  for (const outcome of ["differs", "failed"] as const) {
    const bad = snapshot(30n, outcome);
    expect(choiceWarnings(bad, [snapshot(10n, "passed"), good, bad, snapshot(40n, "exact")], [], 30n)).toEqual([
      "30 was found no good to start from on 2026-11-26; 20, below it, was found good",
    ]);
    expect(choiceWarnings(bad, [bad], [], undefined)).toEqual(["30 was found no good to start from on 2026-11-26"]);
  }
  expect(choiceWarnings(good, [good], [], 20n)).toEqual([]);
});

it("tells of an undo point that holds one nearer to what was asked for", () => {
  const target = snapshot(300n);
  const points = [point(1, 200n, 600n), point(2, 400n, 450n, 460n), point(3, 310n)];
  expect(choiceWarnings(target, [target], points, 455n)).toEqual([
    "undo point 2 holds 450, which is nearer to 455: btm undo 2 brings that back",
    "undo point 3 holds 310, which is nearer to 455: btm undo 3 brings that back",
  ]);
  expect(choiceWarnings(target, [target], points, 300n)).toEqual([]);
  expect(choiceWarnings(target, [target], points, undefined)).toEqual([]);
});
