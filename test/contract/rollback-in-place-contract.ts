import { expect, it } from "vitest";

import type { Blocker } from "../../src/index.ts";
import { failureOf } from "../support/expect-code.ts";
import { manifestOf } from "../support/manifest.ts";
import type { CurrentVolume } from "./driver-contract.ts";
import { btmOf, grow, heightsOf, listed } from "./helpers.ts";

/** Where a rollback destroys what came after the target: the live state, and the newer snapshots. */
export function inPlaceContract(volume: CurrentVolume): void {
  it("loses what was live, and its plan says so", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [10]);
    const then = manifestOf(volume().path, { exact: true });
    volume().write("state/wal", "not in any snapshot");
    const plan = await btm.rollback(10, { dryRun: true });
    expect(plan).toMatchObject({ undo: undefined, destroyed: [], discarded: [], blockers: [] });
    expect(volume().read("state/wal")).toBe("not in any snapshot");
    expect(await btm.rollback(10)).toMatchObject({ undo: undefined, destroyed: [], discarded: [] });
    expect(manifestOf(volume().path, { exact: true }).slice(1)).toEqual(then.slice(1));
  });

  it("destroys the newer snapshots, exactly those it lists, and keeps the older ones as they were", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10, 20, 30]);
    const uuids = (await btm.list()).map((snapshot) => snapshot.uuid);
    const contents = [0, 10].map((height) => manifestOf(volume().snapshotPath(height), { exact: true }));
    const plan = await btm.rollback(10, { dryRun: true });
    expect(plan.destroyed.map((snapshot) => snapshot.uuid)).toEqual(uuids.slice(2));
    const { destroyed, newer, warnings } = await btm.rollback(10);
    expect([heightsOf(destroyed), heightsOf(newer)]).toEqual([
      [20n, 30n],
      [20n, 30n],
    ]);
    // None is left that a warning could be about.
    expect(warnings.join()).not.toContain("newer snapshot");
    expect((await btm.list()).map((snapshot) => snapshot.uuid)).toEqual(uuids.slice(0, 2));
    expect([0, 10].map((height) => manifestOf(volume().snapshotPath(height), { exact: true }))).toEqual(contents);
  });

  it("can be repeated, to the same height and further back", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10]);
    for (const height of [10, 0, 0]) {
      volume().write("scratch", `before the rollback to ${String(height)}`);
      expect((await btm.rollback(height)).undo).toBeUndefined();
      expect(volume().read("height")).toBe(String(height));
      expect(volume().live().join()).not.toContain("scratch");
    }
  });

  it("starts a timeline on which the heights of the old one are due again", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10, 20]);
    await btm.rollback(0);
    expect(await btm.snapshot(5)).toMatchObject({ taken: false, reason: "not-due", last: 0n });
    for (const height of [15, 20, 30]) {
      volume().write("height", `${String(height)}, second time`);
      expect(await btm.snapshot(height)).toMatchObject({ taken: true, reason: "due" });
    }
    expect(await listed(btm)).toEqual([0n, 15n, 20n, 30n]);
    expect((await btm.list()).every((snapshot) => snapshot.mark !== undefined)).toBe(true);
    await btm.rollback(20);
    expect(volume().read("height")).toBe("20, second time");
    expect(await listed(btm)).toEqual([0n, 15n, 20n]);
  });

  it("goes by when a snapshot was taken, not by its height", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [30, 10, 20]);
    const { newer, destroyed } = await btm.rollback(10);
    expect([heightsOf(newer), heightsOf(destroyed)]).toEqual([[20n, 30n], [20n]]);
    expect(await listed(btm)).toEqual([10n, 30n]);
    expect(volume().read("height")).toBe("10");
  });

  it("destroys what was adopted like any other", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0]);
    await volume().snapshotByHand(5);
    await btm.adopt();
    expect(heightsOf((await btm.rollback(0)).destroyed)).toEqual([5n]);
    expect(await listed(btm)).toEqual([0n]);
  });

  it("destroys nothing that is not ours, and then nothing at all, unless it is told to", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10]);
    await volume().snapshotByHand(5);
    await grow(btm, volume(), [20]);
    const before = volume().everything({ exact: true });
    const { message, details } = await failureOf(btm.rollback(0), "BLOCKED");
    expect(message).toContain(volume().snapshotName(5));
    expect(kindsOf(details["blockers"])).toEqual(["unmarked-snapshot"]);
    expect(kindsOf((await btm.rollback(0, { dryRun: true })).blockers)).toEqual(["unmarked-snapshot"]);
    expect(volume().everything({ exact: true })).toEqual(before);

    const plan = await btm.rollback(0, { dryRun: true, discardForeign: true });
    expect([heightsOf(plan.destroyed), plan.blockers]).toEqual([[10n, 20n], []]);
    expect(plan.discarded).toMatchObject([{ kind: "snapshot", name: volume().snapshotName(5) }]);
    expect(volume().everything({ exact: true })).toEqual(before);
    expect(await btm.rollback(0, { discardForeign: true })).toEqual({ ...plan, dryRun: false });
    expect(await listed(btm)).toEqual([0n]);
    expect(volume().read("height")).toBe("0");
  });

  it("leaves what is not ours and older alone", async () => {
    const btm = btmOf(volume());
    await volume().snapshotByHand(50);
    await grow(btm, volume(), [0, 10]);
    expect(await btm.rollback(0, { discardForeign: true })).toMatchObject({ discarded: [], blockers: [] });
    expect(await listed(btm)).toEqual([0n, 50n]);
  });

  it("never destroys a pinned one, whatever it is told, until it is unpinned", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10, 20]);
    await btm.pin(10);
    const before = volume().everything({ exact: true });
    for (const discardForeign of [false, true]) {
      const { message, details } = await failureOf(btm.rollback(0, { discardForeign }), "BLOCKED");
      expect(message).toContain("10");
      expect(kindsOf(details["blockers"])).toEqual(["pinned-snapshot"]);
    }
    expect(volume().everything({ exact: true })).toEqual(before);
    // Pinned, the target itself is none in the way.
    expect(heightsOf((await btm.rollback(10)).destroyed)).toEqual([20n]);
    await btm.unpin(10);
    expect(heightsOf((await btm.rollback(0)).destroyed)).toEqual([10n]);
  });
}

function kindsOf(blockers: unknown): string[] {
  return (blockers as readonly Blocker[]).map((blocker) => blocker.kind);
}
