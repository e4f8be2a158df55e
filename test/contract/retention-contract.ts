import { expect, it } from "vitest";

import { failureOf } from "../support/expect-code.ts";
import type { Traits } from "../support/volumes.ts";
import type { CurrentVolume } from "./driver-contract.ts";
import { btmOf, grow, heightsOf, listed } from "./helpers.ts";

export function retentionContract(volume: CurrentVolume, { isSlow }: Traits): void {
  it("fair keeps the newest cap, and says what it pruned", async () => {
    const btm = btmOf(volume(), { cap: 3, algo: "fair" });
    await grow(btm, volume(), [0, 10, 20]);
    expect(await btm.snapshot(30)).toMatchObject({ taken: true, pruned: [0n], failed: [] });
    expect(await btm.snapshot(40)).toMatchObject({ taken: true, pruned: [10n] });
    expect(await listed(btm)).toEqual([20n, 30n, 40n]);
  });

  it("fade keeps cap of them, the oldest and the newest among them", async () => {
    const btm = btmOf(volume(), { cap: 4, algo: "fade" });
    const last = isSlow ? 70 : 150;
    for (let height = 0; height <= last; height += 10) {
      const { pruned } = await btm.snapshot(height);
      expect(pruned, `at ${String(height)}`).toHaveLength(height < 40 ? 0 : 1);
    }
    const heights = await listed(btm);
    expect(heights).toHaveLength(4);
    expect(heights[0]).toBe(0n);
    expect(heights[3]).toBe(BigInt(last));
  });

  it("prunes down to a cap that was lowered, and not one below it", async () => {
    await grow(btmOf(volume()), volume(), [0, 10, 20, 30, 40]);
    const { pruned } = await btmOf(volume(), { cap: 2 }).snapshot(50);
    expect(pruned).toEqual([0n, 10n, 20n, 30n]);
    expect(await listed(btmOf(volume()))).toEqual([40n, 50n]);
  });

  it("prunes only after a snapshot was taken", async () => {
    await grow(btmOf(volume()), volume(), [0, 10, 20]);
    const btm = btmOf(volume(), { cap: 1 });
    expect(await btm.snapshot(21)).toMatchObject({ taken: false, reason: "not-due", pruned: [] });
    expect(await btm.snapshot(20)).toMatchObject({ taken: false, reason: "exists", pruned: [] });
    expect(await listed(btm)).toEqual([0n, 10n, 20n]);
  });

  it("does not prune when told not to", async () => {
    await grow(btmOf(volume()), volume(), [0, 10]);
    const btm = btmOf(volume(), { cap: 1 });
    expect(await btm.snapshot(20, { prune: false })).toMatchObject({ taken: true, pruned: [] });
    expect(await listed(btm)).toEqual([0n, 10n, 20n]);
  });

  it("keeps the newest with the smallest cap", async () => {
    const btm = btmOf(volume(), { cap: 1 });
    await grow(btm, volume(), [0, 10]);
    expect(await listed(btm)).toEqual([10n]);
  });

  it("never prunes what is above the head: the timeline that a rollback left behind", async () => {
    await grow(btmOf(volume()), volume(), [0, 10, 20, 100, 110]);
    const btm = btmOf(volume(), { cap: 2 });
    // Nor does it count: it would take the room of what can still be reached.
    expect(await btm.snapshot(30)).toMatchObject({ taken: true, pruned: [0n, 10n] });
    expect(await listed(btm)).toEqual([20n, 30n, 100n, 110n]);
  });

  it("a pin has a note, which another one replaces and unpinning takes away", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0]);
    const seen = async (): Promise<unknown> => (await btm.list()).map(({ pinned, note }) => [pinned, note]);
    for (const note of ["before the upgrade", "ünï 'code' \"quoted\" $x = 1", "x".repeat(200)]) {
      const { snapshot } = await btm.pin(0, { note });
      expect([snapshot.pinned, snapshot.note, await seen()]).toEqual([true, note, [[true, note]]]);
      // Pinned again without one it keeps what somebody wrote.
      expect((await btm.pin(0)).snapshot.note).toBe(note);
      expect(await seen()).toEqual([[true, note]]);
    }
    for (const note of ["", " x", "two\nlines", "x".repeat(201), "\u202e"]) {
      await failureOf(btm.pin(0, { note }), "BAD_NOTE");
    }
    await btm.unpin(0);
    expect(await seen()).toEqual([[false, undefined]]);
  });

  it("never prunes a pinned one, nor counts it, until it is unpinned", async () => {
    const btm = btmOf(volume(), { cap: 2 });
    await grow(btm, volume(), [0, 10]);
    await btm.pin(0);
    expect((await btm.list()).map((snapshot) => snapshot.pinned)).toEqual([true, false]);
    await grow(btm, volume(), [20, 30]);
    expect(await listed(btm)).toEqual([0n, 20n, 30n]);
    await btm.unpin(0);
    await grow(btm, volume(), [40]);
    expect(await listed(btm)).toEqual([30n, 40n]);
  });

  it("clean keeps the newest N, pinned ones besides", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10, 20, 30]);
    await btm.pin(10);
    const { removed, kept, failed } = await btm.clean({ kept: 1 });
    expect([heightsOf(removed), heightsOf(kept), failed]).toEqual([[0n, 20n], [10n, 30n], []]);
    expect(await listed(btm)).toEqual([10n, 30n]);
  });

  it("clean without a number destroys all, and with more than there are none", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10]);
    const live = volume().live();
    expect((await btm.clean({ kept: 5 })).removed).toEqual([]);
    expect(heightsOf((await btm.clean()).removed)).toEqual([0n, 10n]);
    expect(await listed(btm)).toEqual([]);
    expect(volume().live()).toEqual(live);
  });

  it("a height can be taken again after its snapshot was cleaned, and is not pinned because that was", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0]);
    await btm.pin(0);
    await btm.unpin(0);
    await btm.pin(0);
    await btm.unpin(0);
    await btm.clean();
    expect(await btm.snapshot(0)).toMatchObject({ taken: true, reason: "due" });
    expect((await btm.list())[0]?.pinned).toBe(false);
  });
}
