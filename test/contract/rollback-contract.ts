import { expect, it } from "vitest";

import { failureOf } from "../support/expect-code.ts";
import { manifestOf } from "../support/manifest.ts";
import type { Traits } from "../support/volumes.ts";
import type { CurrentVolume } from "./driver-contract.ts";
import { btmOf, grow, heightsOf } from "./helpers.ts";

export function rollbackContract(volume: CurrentVolume, { capabilities }: Traits): void {
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
      destroyed: [],
      discarded: [],
      dryRun: false,
    });
    expect(volume().read("height")).toBe("10");
  });

  it("goes to the exact height, strict or not", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 11, 20]);
    expect(await btm.rollback(11, { strict: true })).toMatchObject({ asked: 11n, choice: "exact" });
    expect(volume().read("height")).toBe("11");
    const { newer, destroyed } = await btm.rollback(0);
    expect(heightsOf(newer)).toEqual(capabilities.rollbackKeepsNewer ? [11n, 20n] : [11n]);
    expect(heightsOf(destroyed)).toEqual(capabilities.rollbackKeepsNewer ? [] : [11n]);
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

  it("gives what is live no mark, so a snapshot of it by hand has none", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0]);
    await btm.rollback(0);
    await volume().snapshotByHand(1);
    expect((await btm.list()).map((snapshot) => snapshot.mark?.height)).toEqual(["0", undefined]);
  });
}
