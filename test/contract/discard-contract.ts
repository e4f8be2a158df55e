import { expect, it } from "vitest";

import type { Blocker } from "../../src/index.ts";
import { failureOf } from "../support/expect-code.ts";
import { manifestOf } from "../support/manifest.ts";
import type { Traits } from "../support/volumes.ts";
import type { CurrentVolume } from "./driver-contract.ts";
import { btmOf, grow, heightsOf, listed, pointsOf } from "./helpers.ts";

const discardNewer = true;

/** A rollback that is told to destroys what came after the target: the live state, and the newer snapshots. */
export function discardContract(volume: CurrentVolume, { foreignIsMoved }: Traits): void {
  it("loses what was live, and its plan says so", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [10]);
    const then = manifestOf(volume().path, { exact: true });
    volume().write("state/wal", "not in any snapshot");
    const plan = await btm.rollback(10, { discardNewer, dryRun: true });
    expect(plan).toMatchObject({ undo: undefined, moved: [], destroyed: [], discarded: [], blockers: [] });
    expect(volume().read("state/wal")).toBe("not in any snapshot");
    expect(await btm.rollback(10, { discardNewer })).toEqual({ ...plan, dryRun: false });
    expect(manifestOf(volume().path, { exact: true }).slice(1)).toEqual(then.slice(1));
    expect(await btm.undoPoints()).toEqual([]);
  });

  it("destroys the newer snapshots, exactly those it lists, and keeps the older ones as they were", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10, 20, 30]);
    const uuids = (await btm.list()).map((snapshot) => snapshot.uuid);
    const look = (): string[][] => [0, 10].map((height) => manifestOf(volume().snapshotPath(height), { exact: true }));
    const contents = look();
    const plan = await btm.rollback(10, { discardNewer, dryRun: true });
    expect(plan.destroyed.map((snapshot) => snapshot.uuid)).toEqual(uuids.slice(2));
    const { destroyed, moved } = await btm.rollback(10, { discardNewer });
    expect([heightsOf(destroyed), moved]).toEqual([[20n, 30n], []]);
    expect((await btm.list()).map((snapshot) => snapshot.uuid)).toEqual(uuids.slice(0, 2));
    expect(look()).toEqual(contents);
  });

  it("can be repeated, to the same height and further back; the heights are due again", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10]);
    for (const height of [10, 0, 0]) {
      volume().write("scratch", `before the rollback to ${String(height)}`);
      await btm.rollback(height, { discardNewer });
      expect(volume().read("height")).toBe(String(height));
      expect(volume().live().join()).not.toContain("scratch");
    }
    expect(await btm.snapshot(10)).toMatchObject({ taken: true, reason: "due" });
  });

  it("never destroys a pinned one until it is unpinned; the target itself is none in the way", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10, 20]);
    await btm.pin(10);
    const before = volume().everything({ exact: true });
    for (const discardForeign of [false, true]) {
      const { message, details } = await failureOf(btm.rollback(0, { discardNewer, discardForeign }), "BLOCKED");
      expect(message).toContain("10");
      expect(kindsOf(details["blockers"])).toEqual(["pinned-snapshot"]);
    }
    expect(volume().everything({ exact: true })).toEqual(before);
    expect(heightsOf((await btm.rollback(10, { discardNewer })).destroyed)).toEqual([20n]);
    await btm.unpin(10);
    expect(heightsOf((await btm.rollback(0, { discardNewer })).destroyed)).toEqual([10n]);
  });

  it("does not destroy what an undo point hangs on, until that is dropped; others are left alone", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10, 20]);
    await btm.rollback(10);
    const before = volume().everything({ exact: true });
    const { message, hint, details } = await failureOf(btm.rollback(0, { discardNewer }), "BLOCKED");
    expect(kindsOf(details["blockers"])).toEqual(["undo-point"]);
    expect([message, hint]).toEqual([
      expect.stringContaining("undo point 1"),
      expect.stringContaining("btm undo --drop 1"),
    ]);
    expect(volume().everything({ exact: true })).toEqual(before);
    expect((await btm.rollback(10, { discardNewer })).dropped).toEqual([]);
    expect(await pointsOf(btm)).toEqual(["1: 20 down to 10, with 20"]);
    await btm.undo();
    expect(await listed(btm)).toEqual([0n, 10n, 20n]);
  });

  it("destroys nothing that is not ours, unless it must and is told to", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10]);
    await volume().snapshotByHand(5);
    await grow(btm, volume(), [20]);
    if (!foreignIsMoved) {
      await btm.rollback(0, { discardNewer, discardForeign: true });
      expect(await listed(btm)).toEqual([0n, 5n]);
      return;
    }
    const before = volume().everything({ exact: true });
    const { message, details } = await failureOf(btm.rollback(0, { discardNewer }), "BLOCKED");
    expect(message).toContain(volume().snapshotName(5));
    expect(kindsOf(details["blockers"])).toEqual(["unmarked-snapshot"]);
    expect(volume().everything({ exact: true })).toEqual(before);
    const plan = await btm.rollback(0, { discardNewer, discardForeign: true, dryRun: true });
    expect([heightsOf(plan.destroyed), plan.blockers]).toEqual([[10n, 20n], []]);
    expect(plan.discarded).toMatchObject([{ kind: "snapshot", name: volume().snapshotName(5) }]);
    expect(volume().everything({ exact: true })).toEqual(before);
    expect(await btm.rollback(0, { discardNewer, discardForeign: true })).toEqual({ ...plan, dryRun: false });
    expect(await listed(btm)).toEqual([0n]);
  });

  it("leaves what is not ours and older alone", async () => {
    const btm = btmOf(volume());
    await volume().snapshotByHand(50);
    await grow(btm, volume(), [0, 10]);
    const options = { discardNewer, discardForeign: true };
    expect(await btm.rollback(0, options)).toMatchObject({ discarded: [], blockers: [] });
    expect(await listed(btm)).toEqual([0n, 50n]);
  });

  it("carries what is preserved over all the same", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0]);
    volume().write("keys/signed", "then");
    await grow(btm, volume(), [10]);
    volume().write("keys/signed", "now");
    const { preserved, undo } = await btm.rollback(10, { discardNewer, preserve: ["keys/*"] });
    expect([preserved, undo]).toEqual([["keys/signed"], undefined]);
    expect([volume().read("height"), volume().read("keys/signed")]).toEqual(["10", "now"]);
    expect(await btm.undoPoints()).toEqual([]);
  });
}

function kindsOf(blockers: unknown): string[] {
  return (blockers as readonly Blocker[]).map((blocker) => blocker.kind);
}
