import { expect, it } from "vitest";

import { manifestOf } from "../support/manifest.ts";
import type { CurrentVolume } from "./driver-contract.ts";
import { btmOf, grow, heightsOf, listed } from "./helpers.ts";

/** Where a rollback keeps the live state that it replaces, and the newer snapshots. */
export function asideContract(volume: CurrentVolume): void {
  it("keeps what was live, byte for byte, at the place it tells", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [10]);
    volume().write("state/wal", "not in any snapshot");
    const was = manifestOf(volume().path, { exact: true });
    const { undo } = await btm.rollback(10);
    expect(undo?.number).toBe(1);
    expect(undo?.place).toContain(
      volume()
        .undoPath(1)
        .slice(volume().beside.length + 1),
    );
    expect(manifestOf(volume().undoPath(1), { exact: true }).slice(1)).toEqual(was.slice(1));
  });

  it("keeps every snapshot, older and newer, as it was", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10, 20]);
    const uuids = (await btm.list()).map((snapshot) => snapshot.uuid);
    const contents = [0, 10, 20].map((height) => manifestOf(volume().snapshotPath(height), { exact: true }));
    expect(heightsOf((await btm.rollback(10)).newer)).toEqual([20n]);
    expect((await btm.list()).map((snapshot) => snapshot.uuid)).toEqual(uuids);
    expect([0, 10, 20].map((height) => manifestOf(volume().snapshotPath(height), { exact: true }))).toEqual(contents);
    expect((await btm.list()).every((snapshot) => snapshot.mark !== undefined)).toBe(true);
  });

  it("destroys nothing, not even what it may", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0]);
    await volume().snapshotByHand(5);
    await grow(btm, volume(), [10, 20]);
    await btm.pin(10);
    const result = await btm.rollback(0, { discardForeign: true });
    expect(result).toMatchObject({ destroyed: [], discarded: [], blockers: [] });
    expect(await listed(btm)).toEqual([0n, 5n, 10n, 20n]);
  });

  it("can be repeated, back and forth, each with an undo point of its own", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10]);
    for (const [i, height] of [0, 10, 0, 0, 10].entries()) {
      volume().write("scratch", `before rollback ${String(i + 1)}`);
      expect((await btm.rollback(height)).undo?.number).toBe(i + 1);
      expect(volume().read("height")).toBe(String(height));
      expect(volume().live().join()).not.toContain("scratch");
    }
    for (const number of [1, 2, 3, 4, 5]) {
      expect(manifestOf(volume().undoPath(number)).join(), `undo ${String(number)}`).toContain("scratch");
    }
  });

  it("starts a timeline that grows on, below, at and above the snapshots of the old one", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10, 20]);
    const { warnings } = await btm.rollback(0);
    expect(warnings.join()).toContain("2 newer snapshots");
    expect(await btm.snapshot(5)).toMatchObject({ taken: false, reason: "not-due" });
    expect(await btm.snapshot(15)).toMatchObject({ taken: false, reason: "not-due", last: 10n });
    expect(await btm.snapshot(20)).toMatchObject({ taken: false, reason: "exists" });
    volume().write("height", "30, second time");
    expect(await btm.snapshot(30)).toMatchObject({ taken: true });
    expect(await listed(btm)).toEqual([0n, 10n, 20n, 30n]);
    expect((await btm.list()).every((snapshot) => snapshot.mark !== undefined)).toBe(true);
    await btm.rollback(20);
    expect(volume().read("height")).toBe("20");
    await btm.rollback(30);
    expect(volume().read("height")).toBe("30, second time");
  });
}
