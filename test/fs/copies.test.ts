import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";

import { Btm } from "../../src/index.ts";
import { BtrfsImage } from "../support/btrfs-image.ts";
import { run } from "../support/run.ts";
import { btrfsVolume, type TestVolume } from "../support/volumes.ts";

let image: BtrfsImage;
let volume: TestVolume;
let btm: Btm;
let made = 0;
beforeAll(async () => {
  image = await BtrfsImage.make();
});
afterAll(() => image.dispose());
beforeEach(async () => {
  volume = await btrfsVolume(image, `copy${String(made++)}`, { isMounted: made % 2 === 0 });
  btm = new Btm({ volume: volume.path, itv: 10, cap: 1 });
  volume.write("db", "precious");
  await btm.snapshot(10);
});

/** Its mark does not count there: it is listed as unmarked, and survives everything that destroys. */
async function expectNotOurs(height: number, file = "db", text = "precious"): Promise<void> {
  const isMarked = async (which: Btm): Promise<boolean | undefined> =>
    (await which.list())
      .map((one) => (one.height === BigInt(height) ? one.mark !== undefined : undefined))
      .find((is) => is !== undefined);
  // One that remembers what it saw before, and one that does not.
  expect(await isMarked(btm)).toBe(false);
  expect(await isMarked(new Btm({ volume: volume.path }))).toBe(false);
  for (const next of [1000, 1010, 1020]) {
    const { pruned, failed } = await btm.snapshot(next);
    expect(pruned).not.toContain(BigInt(height));
    expect(failed).toEqual([]);
  }
  const { removed, failed } = await btm.clean();
  expect(removed.map((one) => one.height)).not.toContain(BigInt(height));
  expect(failed).toEqual([]);
  expect((await btm.list()).map((one) => one.height)).toEqual([BigInt(height)]);
  expect(readFileSync(join(volume.snapshotPath(height), file), "utf8")).toBe(text);
}

it("a snapshot of ours that was renamed to another height", async () => {
  renameSync(volume.snapshotPath(10), volume.snapshotPath(20));
  await expectNotOurs(20);
});

it("a snapshot of a snapshot of ours, at another height, read-only or not", async () => {
  await run("btrfs", ["subvolume", "snapshot", "-r", volume.snapshotPath(10), volume.snapshotPath(99)]);
  await expectNotOurs(99);
});

it("a writable snapshot of a snapshot of ours", async () => {
  await run("btrfs", ["subvolume", "snapshot", volume.snapshotPath(10), volume.snapshotPath(99)]);
  await expectNotOurs(99);
});

it("a copy that took the very name of what it is a copy of", async () => {
  const elsewhere = join(volume.beside, "elsewhere");
  await run("btrfs", ["subvolume", "snapshot", "-r", volume.snapshotPath(10), elsewhere]);
  await btm.clean();
  renameSync(elsewhere, volume.snapshotPath(10));
  await expectNotOurs(10);
});

it("one that was made writable", async () => {
  await run("btrfs", ["property", "set", volume.snapshotPath(10), "ro", "false"]);
  await expectNotOurs(10);
});

it("one that was made writable, changed, and made read-only again", async () => {
  await run("btrfs", ["property", "set", volume.snapshotPath(10), "ro", "false"]);
  writeFileSync(join(volume.snapshotPath(10), "notes"), "by a person");
  await run("btrfs", ["property", "set", volume.snapshotPath(10), "ro", "true"]);
  await expectNotOurs(10, "notes", "by a person");
});

it("one that was sent and received, under its own name", async () => {
  const stream = join(image.folder, "stream");
  await run("btrfs", ["send", "-q", "-f", stream, volume.snapshotPath(10)]);
  await btm.clean();
  await run("btrfs", ["receive", "-q", "-f", stream, volume.beside]);
  await expectNotOurs(10);
  // Nor does adopting make it so: that would break later incremental receives.
  const { adopted, failed } = await btm.adopt();
  expect([adopted.length, failed.length]).toEqual([0, 1]);
  expect(failed[0]?.error).toMatchObject({ code: "BLOCKED" });
});

it("one made by hand right after one of ours, and one in the middle of ours", async () => {
  await volume.snapshotByHand(11);
  await expectNotOurs(11);
});

it("one made by hand of the height that a killed snapshot was about to take", async () => {
  const dying = new Btm(
    { volume: volume.path },
    {
      onStep: (step, when) => {
        if (`${when} ${step}` === "after set mark") throw new Error("killed here, as far as the disk knows");
      },
    },
  );
  await expect(dying.snapshot(50)).rejects.toThrow("killed here");
  // The next command that changes anything clears what was left.
  await new Btm({ volume: volume.path }).clean({ kept: 100 });
  await volume.snapshotByHand(50);
  await expectNotOurs(50);
});
