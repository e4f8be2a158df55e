import { mkdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

import { expect, it } from "vitest";

import { btmOf, grow, heightsOf } from "../contract/helpers.ts";
import { failureOf } from "../support/expect-code.ts";
import { readMapped } from "../support/mapped.ts";
import { quickRun } from "../support/quick-run.ts";
import { filesOf } from "../support/volumes.ts";
import { type Dataset, mountsOf, undoing, zfs, zfsSuite } from "../support/zfs-suite.ts";

const suite = zfsSuite();
const undo = undoing();

/** Rolls a mounted volume back; it must be mounted as it was, and show the old state. */
async function rollsBack(volume: Dataset): Promise<void> {
  const btm = btmOf(volume);
  await grow(btm, volume, [0]);
  volume.write("height", "later");
  const before = mountsOf(volume.dataset);
  expect((await btm.rollback(0, { discardNewer: true })).warnings).toEqual([]);
  expect(mountsOf(volume.dataset)).toEqual(before);
  expect(volume.read("height")).toBe("0");
}

/** Mounts a dataset with mount(8), at a place with a blank and a comma in its name. */
async function mountAt(dataset: string, options: string): Promise<string> {
  const at = join(suite.pool.mounts, `a place, with a blank: ${basename(dataset)}`);
  mkdirSync(at);
  await quickRun("mount", ["-t", "zfs", "-o", options, "--", dataset, at]);
  undo(() => quickRun("umount", ["--", at]));
  return at;
}

it("an encrypted one, with its key and without it", async () => {
  const key = join(suite.pool.folder, "key");
  writeFileSync(key, "a passphrase\n");
  const encryption = ["encryption=on", "keyformat=passphrase", `keylocation=file://${key}`, "pbkdf2iters=100000"];
  const volume = await suite.fresh(encryption);
  await rollsBack(volume);

  await zfs("unmount", volume.dataset);
  await zfs("unload-key", volume.dataset);
  const btm = btmOf(volume);
  expect(await btm.snapshot(20)).toMatchObject({ taken: true, last: 0n });
  // Whether there is signing state cannot be seen.
  const { hint } = await failureOf(btm.rollback(0, { discardNewer: true }), "SIGNER_STATE");
  expect(hint).toContain("zfs load-key");
  const allowed = { discardNewer: true, allowSignerRewind: true };
  expect(heightsOf((await btm.rollback(0, allowed)).destroyed)).toEqual([20n]);
  expect(await btm.snapshot(40)).toMatchObject({ taken: true });
  expect(heightsOf((await btm.clean({ kept: 1 })).removed)).toEqual([0n]);
  expect(mountsOf(volume.dataset)).toEqual([]);
  await zfs("mount", "-l", volume.dataset);
  expect(volume.read("height")).toBe("0");
});

it("one that is not mounted, whatever the reason, and stays so", async () => {
  const volume = await suite.fresh();
  const btm = btmOf(volume);
  await grow(btm, volume, [0, 10, 20]);
  await zfs("unmount", volume.dataset);
  for (const [canmount, height] of [
    ["noauto", 10],
    ["off", 0],
  ] as const) {
    await zfs("set", `canmount=${canmount}`, volume.dataset);
    await btm.rollback(height, { discardNewer: true });
    expect(mountsOf(volume.dataset)).toEqual([]);
  }
  await zfs("set", "canmount=on", volume.dataset);
  await zfs("mount", volume.dataset);
  expect(volume.read("height")).toBe("0");
});

it("one with a legacy mount point and options of its own", async () => {
  const legacy = await suite.fresh(["canmount=noauto"]);
  await zfs("set", "mountpoint=legacy", legacy.dataset);
  const at = await mountAt(legacy.dataset, "noatime,nosuid");
  expect(mountsOf(legacy.dataset)).toEqual([`${legacy.dataset} / ${at} noatime nosuid rw`]);
  await rollsBack({ ...legacy, ...filesOf(at) });
});

it("one that is mounted elsewhere than its property says", async () => {
  const volume = await suite.fresh(["canmount=noauto"]);
  const at = await mountAt(volume.dataset, "zfsutil,nodev");
  await rollsBack({ ...volume, ...filesOf(at) });
});

it("one that is mounted with options for this once", async () => {
  const volume = await suite.fresh(["canmount=noauto"]);
  await zfs("mount", "-o", "noexec,noatime", volume.dataset);
  await rollsBack(volume);
});

it("whatever is set on it is as before: properties, quotas, reservations, what others may do", async () => {
  const properties = ["compression=gzip-3", "quota=90M", "refquota=80M", "reservation=1M", "my:own=a b"];
  const volume = await suite.fresh([...properties, "canmount=noauto"]);
  await zfs("mount", volume.dataset);
  await zfs("allow", "-u", "nobody", "snapshot,destroy,mount", volume.dataset);
  const btm = btmOf(volume);
  await grow(btm, volume, [0]);
  volume.write("height", "later");
  await zfs("set", "readonly=on", volume.dataset);
  const settings = async (): Promise<readonly string[]> => [
    await zfs("get", "-Hp", "-s", "local,received,temporary", "all", volume.dataset),
    await zfs("allow", volume.dataset),
    ...mountsOf(volume.dataset),
  ];
  const before = await settings();
  for (const property of properties) expect(before[0]).toContain(`\t${property.split("=")[0] ?? ""}\t`);
  expect(before[1]).toContain("user nobody destroy,mount,snapshot");
  expect(before[2]).toMatch(/ ro\b/);
  expect((await btm.rollback(0, { discardNewer: true })).warnings).toEqual([]);
  expect(await settings()).toEqual(before);
  expect(volume.read("height")).toBe("0");
});

it("files that were mapped before show what they held then, not pages of what is gone", async () => {
  const volume = await suite.fresh();
  const [file, page] = [join(volume.path, "db"), 4096];
  const btm = btmOf(volume);
  volume.write("db", "-".repeat(4 * page));
  await btm.snapshot(0);
  volume.write("db", "+".repeat(4 * page));
  expect(readMapped(file)).toBe("+".repeat(4 * page));
  await btm.rollback(0, { discardNewer: true });
  expect(readMapped(file)).toBe("-".repeat(4 * page));
});
