import { expect, it } from "vitest";

import { failureOf } from "../support/expect-code.ts";
import { manifestOf } from "../support/manifest.ts";
import type { CurrentVolume } from "./driver-contract.ts";
import { btmOf, grow, heightsOf, listed } from "./helpers.ts";

export function rollbackContract(volume: CurrentVolume): void {
  it("without a height goes to the latest", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10]);
    volume().write("height", "15");
    const result = await btm.rollback();
    expect(result).toMatchObject({
      asked: undefined,
      target: { height: 10n },
      choice: "latest",
      newer: [],
      dryRun: false,
    });
    expect(volume().read("height")).toBe("10");
  });

  it("goes to the exact height, strict or not", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 11, 20]);
    expect(await btm.rollback(11, { strict: true })).toMatchObject({ asked: 11n, choice: "exact" });
    expect(volume().read("height")).toBe("11");
    const { newer } = await btm.rollback(0);
    expect(heightsOf(newer)).toEqual([11n, 20n]);
    expect(volume().read("height")).toBe("0");
  });

  it("goes to the nearest below when there is no exact one, and says which", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 11, 20]);
    expect(await btm.rollback(19)).toMatchObject({ asked: 19n, target: { height: 11n }, choice: "nearest-below" });
    expect(volume().read("height")).toBe("11");
  });

  it("refuses what no snapshot answers, and changes nothing", async () => {
    const btm = btmOf(volume());
    await failureOf(btm.rollback(), "NO_SNAPSHOTS");
    await grow(btm, volume(), [10, 20]);
    volume().write("height", "25");
    const before = volume().everything({ exact: true });
    await failureOf(btm.rollback(15, { strict: true }), "NO_SUCH_SNAPSHOT");
    await failureOf(btm.rollback(5), "NOTHING_BELOW");
    expect(volume().everything({ exact: true })).toEqual(before);
  });

  it("puts back exactly what the snapshot holds: files, modes, times, and nothing that came later", async () => {
    const btm = btmOf(volume());
    volume().write("state/db", "ten");
    const then = manifestOf(volume().path, { exact: true }).slice(1);
    await btm.snapshot(10);
    volume().write("state/db", "later");
    volume().write("state/wal", "later");
    await btm.rollback(10);
    expect(manifestOf(volume().path, { exact: true }).slice(1)).toEqual(then);
    volume().write("state/db", "writable");
    expect(volume().read("state/db")).toBe("writable");
  });

  it("keeps what was live, byte for byte, at the place it tells", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [10]);
    volume().write("state/wal", "not in any snapshot");
    const was = manifestOf(volume().path, { exact: true });
    const { undo } = await btm.rollback(10);
    expect(undo.number).toBe(1);
    expect(undo.place).toContain(
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
    await btm.rollback(10);
    expect((await btm.list()).map((snapshot) => snapshot.uuid)).toEqual(uuids);
    expect([0, 10, 20].map((height) => manifestOf(volume().snapshotPath(height), { exact: true }))).toEqual(contents);
    expect((await btm.list()).every((snapshot) => snapshot.mark !== undefined)).toBe(true);
  });

  it("can be repeated, back and forth, each with an undo point of its own", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10]);
    for (const [i, height] of [0, 10, 0, 0, 10].entries()) {
      volume().write("scratch", `before rollback ${String(i + 1)}`);
      expect((await btm.rollback(height)).undo.number).toBe(i + 1);
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

  it("gives what is live no mark, so a snapshot of it by hand has none", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0]);
    await btm.rollback(0);
    await volume().snapshotByHand(1);
    expect((await btm.list()).map((snapshot) => snapshot.mark?.height)).toEqual(["0", undefined]);
  });
}
