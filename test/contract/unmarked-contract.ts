import { expect, it } from "vitest";

import { manifestOf } from "../support/manifest.ts";
import type { CurrentVolume } from "./driver-contract.ts";
import { btmOf, grow, heightsOf, listed } from "./helpers.ts";

export function unmarkedContract(volume: CurrentVolume): void {
  it("are listed as such", async () => {
    await volume().snapshotByHand(7);
    const [snapshot] = await btmOf(volume()).list();
    expect(snapshot).toMatchObject({ height: 7n, mark: undefined, pinned: false });
  });

  it("are never pruned, and do not count", async () => {
    const btm = btmOf(volume(), { cap: 2 });
    await volume().snapshotByHand(1);
    await volume().snapshotByHand(2);
    await grow(btm, volume(), [10, 20, 30]);
    expect(await listed(btm)).toEqual([1n, 2n, 20n, 30n]);
  });

  it("are never cleaned", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [10]);
    await volume().snapshotByHand(20);
    const { removed, kept } = await btm.clean();
    expect([heightsOf(removed), heightsOf(kept)]).toEqual([[10n], [20n]]);
    expect(await listed(btm)).toEqual([20n]);
  });

  it("made right after one of ours have no mark either", async () => {
    const btm = btmOf(volume());
    await btm.snapshot(10);
    await volume().snapshotByHand(11);
    expect((await btm.list()).map((snapshot) => snapshot.mark?.height)).toEqual(["10", undefined]);
  });

  it("do not make a height less due, but keep one of the same height from being taken", async () => {
    const btm = btmOf(volume());
    await volume().snapshotByHand(20);
    expect(await btm.snapshot(25)).toMatchObject({ taken: true, last: undefined });
    expect(await btm.snapshot(20)).toMatchObject({ taken: false, reason: "exists" });
  });

  it("can be rolled back to by their height", async () => {
    const btm = btmOf(volume());
    volume().write("db", "five");
    const then = volume().live();
    await volume().snapshotByHand(5);
    volume().write("db", "later");
    const { target, choice } = await btm.rollback(5, { strict: true });
    expect([target?.height, target?.mark, choice]).toEqual([5n, undefined, "exact"]);
    expect(volume().live()).toEqual(then);
  });

  it("are not the latest while there is a marked one: data@20240501 is no height", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [10]);
    await volume().snapshotByHand(20240501);
    expect((await btm.rollback(undefined, { dryRun: true })).target?.height).toBe(10n);
    expect((await btm.rollback(30000000, { dryRun: true })).target?.height).toBe(10n);
  });

  it("are marked by adopt, and then pruned and cleaned like any other", async () => {
    const btm = btmOf(volume());
    volume().write("db", "five");
    const then = volume().live();
    await volume().snapshotByHand(5);
    await volume().snapshotByHand(15, { readOnly: false });
    await btm.snapshot(20);
    const plan = await btm.adopt({ dryRun: true });
    expect([heightsOf(plan.adopted), plan.dryRun]).toEqual([[5n, 15n], true]);
    expect((await btm.list()).filter((snapshot) => snapshot.mark === undefined)).toHaveLength(2);

    const { adopted, failed } = await btm.adopt();
    expect([heightsOf(adopted), failed]).toEqual([[5n, 15n], []]);
    expect((await btm.list()).map((snapshot) => snapshot.mark?.adopted)).toEqual([true, true, undefined]);
    expect(manifestOf(volume().snapshotPath(5))).toEqual(then);
    expect((await btm.adopt()).adopted).toEqual([]);

    expect(heightsOf((await btm.clean({ kept: 1 })).removed)).toEqual([5n, 15n]);
    expect(await listed(btm)).toEqual([20n]);
  });
}
