import { join } from "node:path";

import { expect, it } from "vitest";

import { failureOf } from "../support/expect-code.ts";
import { manifestOf } from "../support/manifest.ts";
import type { Traits } from "../support/volumes.ts";
import type { CurrentVolume } from "./driver-contract.ts";
import { btmOf, grow, heightsOf, listed } from "./helpers.ts";

export function rollbackContract(volume: CurrentVolume, { foreignIsMoved }: Traits): void {
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
    const { newer, moved, destroyed, back } = await btm.rollback(0);
    expect([heightsOf(newer), heightsOf(moved), destroyed, back]).toEqual([[11n], [11n], [], 11n]);
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

  it("carries what is preserved over from the present, byte for byte, there and back", async () => {
    const btm = btmOf(volume());
    volume().write("keys/signed", "1");
    await grow(btm, volume(), [0]);
    volume().write("keys/signed", "1, 2");
    volume().write("keys/new", "not there then");
    const keys = (): string[] => manifestOf(join(volume().path, "keys")).slice(1);
    const now = keys();
    const plan = await btm.rollback(0, { preserve: ["keys/*", "nothing"], dryRun: true });
    expect(plan.preserved).toEqual(["keys/new", "keys/signed"]);
    expect(plan.warnings.join()).toContain('"nothing"');
    expect((await btm.rollback(0, { preserve: ["keys/*"] })).preserved).toEqual(plan.preserved);
    expect([volume().read("height"), keys()]).toEqual(["0", now]);
    volume().write("keys/signed", "1, 2, 3");
    await btm.undo(undefined, { preserve: ["keys/signed"] });
    expect(volume().read("keys/signed")).toBe("1, 2, 3");
  });

  it("refuses to make a validator forget what it has signed, unless it is preserved or allowed", async () => {
    const btm = btmOf(volume());
    const file = "data/priv_validator_state.json";
    volume().write(file, "signed 1");
    await grow(btm, volume(), [0]);
    volume().write(file, "signed 1, 2");
    const before = volume().everything({ exact: true });
    const { hint } = await failureOf(btm.rollback(0), "SIGNER_STATE");
    expect(hint).toContain(`--preserve '${file}'`);
    const plan = await btm.rollback(0, { dryRun: true });
    expect(plan.blockers).toMatchObject([{ kind: "signer-state" }]);
    expect(plan.signer).toMatchObject([{ path: file, state: "differs" }]);
    expect(volume().everything({ exact: true })).toEqual(before);
    await btm.rollback(0, { preserve: [file] });
    expect(volume().read(file)).toBe("signed 1, 2");
    // The same as in the undo point: nothing is forgotten by going there.
    await btm.undo();
    expect((await btm.rollback(0, { allowSignerRewind: true })).warnings.join()).toContain(file);
    expect(volume().read(file)).toBe("signed 1");
  });

  it("leaves newer ones that btm did not make where they are, or keeps them with the rest, and destroys none", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0]);
    await volume().snapshotByHand(5);
    await grow(btm, volume(), [10]);
    const result = await btm.rollback(0);
    expect(result).toMatchObject({ destroyed: [], discarded: [], blockers: [] });
    expect(await listed(btm)).toEqual(foreignIsMoved ? [0n] : [0n, 5n]);
    await btm.undo();
    expect(await listed(btm)).toEqual([0n, 5n, 10n]);
  });

  it("gives what is live no mark, so a snapshot of it by hand has none", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0]);
    await btm.rollback(0);
    await volume().snapshotByHand(1);
    expect((await btm.list()).map((snapshot) => snapshot.mark?.height)).toEqual(["0", undefined]);
  });
}
