import fc from "fast-check";
import { expect, it } from "vitest";

import { lookAgainMs, MAX_DELETIONS, type Space, stepAtFloor } from "./floor.ts";

const space: Space = {
  free: 50n,
  wanted: 100n,
  snapshots: 30,
  minKeep: 3,
  undoPoints: 1,
  isPaused: false,
  leastLeft: undefined,
};

it("prunes, then drops undo points, then stops", () => {
  expect(stepAtFloor(space)).toEqual({ pruneTo: 20, dropUndo: false, isPaused: false });
  expect(stepAtFloor({ ...space, snapshots: 5 })).toMatchObject({ pruneTo: 3 });
  expect(stepAtFloor({ ...space, snapshots: 3 })).toEqual({ pruneTo: undefined, dropUndo: true, isPaused: false });
  expect(stepAtFloor({ ...space, leastLeft: 30 })).toMatchObject({ pruneTo: undefined, dropUndo: true });
  expect(stepAtFloor({ ...space, snapshots: 3, undoPoints: 0 })).toMatchObject({ dropUndo: false, isPaused: true });
});

it("goes on to the next although the chain has gone on", () => {
  const spent = { ...space, snapshots: 5, leastLeft: 4 };
  expect(stepAtFloor(spent)).toEqual({ pruneTo: 3, dropUndo: true, isPaused: false });
  expect(stepAtFloor({ ...spent, undoPoints: 0 })).toEqual({ pruneTo: 3, dropUndo: false, isPaused: true });
});

it("stops at once when half the floor is gone, and lets go of all that may go", () => {
  expect(stepAtFloor({ ...space, free: 49n })).toEqual({ pruneTo: 3, dropUndo: true, isPaused: true });
  expect(stepAtFloor({ ...space, free: 49n, undoPoints: 0 })).toMatchObject({ pruneTo: 3, dropUndo: false });
});

it("begins again with a tenth more than the floor, no earlier", () => {
  const paused = { ...space, isPaused: true };
  expect(stepAtFloor({ ...paused, free: 100n }).isPaused).toBe(true);
  expect(stepAtFloor({ ...paused, free: 109n }).isPaused).toBe(true);
  expect(stepAtFloor({ ...paused, free: 110n }).isPaused).toBe(false);
  expect(stepAtFloor({ ...paused, wanted: 0n, free: 0n }).isPaused).toBe(false);
});

it("never prunes below min_keep, never more than a step's worth unless it presses, and nothing above the floor", () => {
  const count = fc.nat(1000);
  const any = fc.record({
    free: fc.bigInt(0n, 200n),
    wanted: fc.bigInt(0n, 200n),
    snapshots: count,
    minKeep: fc.integer({ min: 1, max: 100 }),
    undoPoints: fc.nat(3),
    isPaused: fc.boolean(),
    leastLeft: fc.option(count, { nil: undefined }),
  });
  fc.assert(
    fc.property(any, (given) => {
      const { pruneTo, dropUndo, isPaused } = stepAtFloor(given);
      if (pruneTo !== undefined) {
        expect(pruneTo).toBeGreaterThanOrEqual(given.minKeep);
        if (given.free * 2n >= given.wanted) expect(given.snapshots - pruneTo).toBeLessThanOrEqual(MAX_DELETIONS);
      }
      if (given.free >= given.wanted) expect([pruneTo, dropUndo]).toEqual([undefined, false]);
      if (given.free < given.wanted && pruneTo === undefined && !dropUndo) expect(isPaused).toBe(true);
    }),
  );
});

it("looks again before the floor is reached, no more than once a second until it presses", () => {
  const before = { at: 0, free: 1000n };
  const after = (free: bigint): number => lookAgainMs(before, { at: 1000, free }, 100n);
  expect(after(1000n)).toBe(10_000);
  expect(after(999n)).toBe(10_000);
  // 100 in a second, 800 above the floor: it is reached in eight.
  expect(after(900n)).toBe(4000);
  expect(after(200n)).toBe(1000);
  expect(after(99n)).toBe(1000);
  expect(after(49n)).toBe(100);
  expect(lookAgainMs(undefined, before, 100n)).toBe(10_000);
  expect(lookAgainMs(before, undefined, 100n)).toBe(10_000);
});
