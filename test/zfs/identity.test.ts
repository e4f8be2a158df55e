import { execFileSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";

import { expect, it } from "vitest";

import type { Btm, Snapshot } from "../../src/index.ts";
import { btmOf, grow, heightsOf, listed } from "../contract/helpers.ts";
import { zfs, zfsSuite } from "../support/zfs-suite.ts";
import { zfsVolume } from "../support/zfs-volumes.ts";

const suite = zfsSuite();

/** The heights of the snapshots that btm takes for its own. */
async function ours(btm: Btm): Promise<bigint[]> {
  return heightsOf((await btm.list()).filter(isMarked));
}

function isMarked(snapshot: Snapshot): boolean {
  return snapshot.mark !== undefined;
}

/** Copies a snapshot as `zfs send | zfs receive` does, without mounting the copy. */
function copy(snapshot: string, to: string, flags: readonly string[]): void {
  const file = join(suite.pool.folder, "stream");
  for (const [args, mode] of [
    [["send", ...flags, snapshot], "w"],
    [["receive", "-u", to], "r"],
  ] as const) {
    const fd = openSync(file, mode);
    execFileSync("zfs", args, { stdio: mode === "w" ? ["ignore", fd, "inherit"] : [fd, "inherit", "inherit"] });
    closeSync(fd);
  }
}

it("a dataset that is renamed keeps its snapshots as btm's own", async () => {
  const volume = await suite.fresh();
  await grow(btmOf(volume), volume, [0, 10]);
  const name = `${suite.pool.name}/renamed`;
  await zfs("rename", volume.dataset, name);
  const btm = btmOf(zfsVolume(name, volume.path, "path"));
  expect(await btm.snapshot(15)).toMatchObject({ taken: false, last: 10n });
  expect(heightsOf((await btm.clean()).removed)).toEqual([0n, 10n]);
});

it("a dataset made anew under the same name is another: what was known of the old one does not count", async () => {
  const volume = await suite.fresh();
  const btm = btmOf(volume);
  await grow(btm, volume, [0, 10, 20]);
  await zfs("destroy", "-r", volume.dataset);
  await zfs("create", "-o", `mountpoint=${volume.path}`, volume.dataset);
  expect(await btm.snapshot(25)).toMatchObject({ taken: true, last: undefined });
  expect(await ours(btm)).toEqual([25n]);
});

it("a dataset rolled back by another btm is seen afresh by the first height that is called on it again", async () => {
  const volume = await suite.fresh();
  const btm = btmOf(volume);
  await grow(btm, volume, [0, 10, 20]);
  await btmOf(volume).rollback(0, { discardNewer: true });
  expect(await btm.snapshot(5)).toMatchObject({ taken: false, last: 0n });
  expect(await btm.snapshot(25)).toMatchObject({ taken: true, last: 0n });
});

it("a copy by send and receive has no snapshots of btm until they are adopted, also when marks were sent", async () => {
  const volume = await suite.fresh();
  await grow(btmOf(volume), volume, [10]);
  for (const flags of [[], ["-p"]]) {
    const to = `${volume.dataset}-copy${flags.join("")}`;
    copy(`${volume.dataset}@10`, to, flags);
    const btm = btmOf(zfsVolume(to, "", "name"));
    expect(await btm.clean()).toMatchObject({ removed: [], kept: [{ height: 10n, mark: undefined, path: undefined }] });
    expect(await btm.snapshot(15)).toMatchObject({ taken: true, last: undefined });
    expect(heightsOf((await btm.adopt()).adopted)).toEqual([10n]);
    expect(await ours(btm)).toEqual([10n, 15n]);
  }
  expect(await ours(btmOf(volume))).toEqual([10n]);
});

it("a clone has none; promoted, it takes the snapshots up to its origin along, unmarked, and the newer ones stay", async () => {
  const volume = await suite.fresh();
  const btm = btmOf(volume);
  await grow(btm, volume, [0, 10, 20]);
  const clone = `${volume.dataset}-clone`;
  await zfs("clone", `${volume.dataset}@10`, clone);
  const ofClone = btmOf(zfsVolume(clone, "", "name"));
  expect(await ofClone.list()).toEqual([]);
  await zfs("promote", clone);
  const { removed, kept } = await ofClone.clean();
  expect([heightsOf(removed), heightsOf(kept)]).toEqual([[], [0n, 10n]]);
  expect(await ours(btm)).toEqual([20n]);
});

it("a mark on the dataset, which its snapshots inherit, makes none of them btm's own", async () => {
  const volume = await suite.fresh();
  const btm = btmOf(volume);
  await grow(btm, volume, [0]);
  const [own] = await btm.list();
  const forged = JSON.stringify({ ...own?.mark, height: "5" });
  await zfs("set", `btm:mark=${forged}`, volume.dataset);
  await volume.snapshotByHand(5);
  expect([await listed(btm), await ours(btm)]).toEqual([[0n, 5n], [0n]]);
  expect(heightsOf((await btm.clean()).removed)).toEqual([0n]);
});

it("a pin on the dataset pins nothing that it is not of, and takes no other pin away", async () => {
  const volume = await suite.fresh();
  const btm = btmOf(volume);
  await grow(btm, volume, [0, 10]);
  await btm.pin(0);
  await zfs("set", "btm:pin=yes", volume.dataset);
  expect((await btm.list()).map(({ pinned }) => pinned)).toEqual([true, false]);
  expect(heightsOf((await btm.clean()).removed)).toEqual([10n]);
});
