import { describe, expect, it } from "vitest";

import { run } from "../support/run.ts";
import { both, killSuite, survivorOf } from "../support/zfs-kill-suite.ts";
import { type State, Survivor } from "../support/zfs-survivor.ts";

const suite = killSuite();
const withSurvivor = survivorOf((number) => Survivor.make(suite.pool(), `plain${String(number)}`));

describe("killed while taking a snapshot and thinning", () => {
  const steps = [...both("snapshot"), ...both("destroy")];
  const cap = 2;

  it("before anything: the next one does all of it", async () => {
    await withSurvivor(async (survivor) => {
      const before = await survivor.grow(cap);
      const operation = { kind: "snapshot", height: survivor.nextHeight() } as const;
      await suite.kill(survivor, { by: "name", operation, cap }, steps, 0);
      expect(await survivor.look()).toEqual(before);
      survivor.steps.length = 0;
      expect(await survivor.btm.path.snapshot(operation.height)).toMatchObject({
        taken: true,
        failed: [],
        recovered: [],
      });
      expect(survivor.steps).toEqual(steps);
    });
  });

  it("once it is taken: it is whole, and can be rolled back to", async () => {
    await withSurvivor(async (survivor) => {
      const before = await survivor.grow(cap);
      const operation = { kind: "snapshot", height: survivor.nextHeight() } as const;
      await suite.kill(survivor, { by: "name", operation, cap }, steps, 1);
      const { snapshots, ...rest } = await survivor.look();
      expect(rest).toEqual({ hasJournal: false, live: before.live });
      expect(snapshots.slice(0, -1)).toEqual(before.snapshots);
      expect(snapshots.at(-1)).toMatchObject({ height: operation.height, isMarked: true });
      survivor.write();
      expect(await survivor.btm.path.rollback(operation.height, { discardNewer: true })).toMatchObject({
        recovered: [],
        warnings: [],
      });
      expect(await survivor.look()).toEqual({ ...before, snapshots });
    });
  });

  it("once the others are thinned: the next one is taken", async () => {
    await withSurvivor(async (survivor) => {
      const before = await survivor.grow(cap);
      const operation = { kind: "snapshot", height: survivor.nextHeight() } as const;
      await suite.kill(survivor, { by: "name", operation, cap }, steps, 3);
      const { snapshots, live } = await survivor.look();
      expect(live).toEqual(before.live);
      expect(snapshots).toHaveLength(cap);
      expect(before.snapshots).toContainEqual(snapshots[0]);
      expect(snapshots[1]).toMatchObject({ height: operation.height, isMarked: true });
      expect(await survivor.btm.name.snapshot(survivor.nextHeight())).toMatchObject({ taken: true, recovered: [] });
      expect((await survivor.look()).snapshots).toHaveLength(cap);
    });
  });
});

it.each([
  ["before", 0],
  ["after", 1],
])("killed while cleaning, %s the step: all are there or none", async (_, killAt) => {
  await withSurvivor(async (survivor) => {
    const before = await survivor.grow(2);
    const work = { by: "name", operation: { kind: "clean", kept: 0 } } as const;
    await suite.kill(survivor, work, both("destroy"), killAt);
    expect(await survivor.look()).toEqual(killAt === 0 ? before : { ...before, snapshots: [] });
    const { removed, recovered } = await survivor.btm.path.clean();
    expect([removed.length, recovered]).toEqual([killAt === 0 ? before.snapshots.length : 0, []]);
    expect(await survivor.look()).toEqual({ ...before, snapshots: [] });
  });
});

it.each([
  ["after the first mark", 1, 1],
  ["after the second", 3, 2],
])("killed while adopting, %s: the next adoption does the rest", async (_, killAt, marked) => {
  await withSurvivor(async (survivor) => {
    await survivor.grow(1);
    for (let i = 0; i < 2; i++) {
      await run("zfs", ["snapshot", `${survivor.dataset}@${String(survivor.nextHeight())}`]);
    }
    const before = await survivor.look();
    const ours = before.snapshots.length - 2;
    const steps = [...both("set mark"), ...both("set mark")];
    await suite.kill(survivor, { by: "name", operation: { kind: "adopt" } }, steps, killAt);
    const withMarks = (count: number): State => ({
      ...before,
      snapshots: before.snapshots.map((one, i) => (i < ours + count ? { ...one, isMarked: true } : one)),
    });
    expect(await survivor.look()).toEqual(withMarks(marked));
    expect(await survivor.btm.path.adopt()).toMatchObject({ failed: [], recovered: [] });
    expect(await survivor.look()).toEqual(withMarks(2));
  });
});

it.each([
  { kind: "pin", steps: [...both("hold"), ...both("pin")], from: 3 },
  { kind: "unpin", steps: [...both("unpin"), ...both("release")], from: 1 },
] as const)(
  "killed at every step of $kind: it is pinned or not, and unpin leaves no hold",
  async ({ kind, steps, from }) => {
    await withSurvivor(async (survivor) => {
      const { snapshots } = await survivor.grow(1);
      const height = snapshots[0]?.height ?? NaN;
      if (kind === "unpin") await survivor.btm.name.pin(height);
      for (const killAt of steps.keys()) {
        await suite.kill(survivor, { by: "name", operation: { kind, height } }, steps, killAt);
        const isPinned = killAt >= from === (kind === "pin");
        expect((await survivor.btm.path.list())[0], String(killAt)).toMatchObject({ pinned: isPinned });
      }
      await survivor.btm.path.unpin(height);
      expect(await run("zfs", ["holds", "-H", `${survivor.dataset}@${String(height)}`])).toBe("");
    });
  },
);
