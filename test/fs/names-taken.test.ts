import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";

import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { Btm } from "../../src/index.ts";
import { BtrfsImage } from "../support/btrfs-image.ts";
import { failureOf } from "../support/expect-code.ts";
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
  volume = await btrfsVolume(image, `taken${String(made++)}`, { isMounted: made % 2 === 0 });
  btm = new Btm({ volume: volume.path, itv: 1 });
});

function writeEmpty(path: string): void {
  writeFileSync(path, "");
}
function linkNowhere(path: string): void {
  symlinkSync("nowhere", path);
}
function makeFull(path: string): void {
  mkdirSync(path);
  writeEmpty(`${path}/mine`);
}

describe.each([
  ["a plain directory", mkdirSync],
  ["a file", writeEmpty],
  ["a link", linkNowhere],
  [
    "a subvolume that is no snapshot",
    (path: string) => void execFileSync("btrfs", ["subvolume", "create", "--", path]),
  ],
])("%s called like a snapshot", (_, make) => {
  it("is none: not listed, not rolled back to, not destroyed; and its height cannot be taken", async () => {
    make(volume.snapshotPath(5));
    const before = volume.everything();
    await failureOf(btm.snapshot(5), "NAME_TAKEN");
    await btm.snapshot(4);
    await btm.snapshot(6);
    expect((await btm.list()).map((snapshot) => snapshot.height)).toEqual([4n, 6n]);
    expect((await btm.rollback(5, { dryRun: true })).target?.height).toBe(4n);
    await failureOf(btm.rollback(5, { strict: true }), "NO_SUCH_SNAPSHOT");
    expect((await btm.adopt({ dryRun: true })).adopted).toEqual([]);
    await btm.clean();
    expect(volume.everything()).toEqual(before);
  });
});

it("names that only look like heights are none", async () => {
  const odd = ["05", "+5", "-5", "5.0", "0x5", " 5", "5 ", "", "18446744073709551616", "٥", "5\n"];
  const stem = volume.snapshotPath(0).slice(0, -1);
  for (const digits of odd) await run("btrfs", ["subvolume", "snapshot", "-r", "--", volume.path, `${stem}${digits}`]);
  expect(await btm.list()).toEqual([]);
  expect((await btm.adopt()).adopted).toEqual([]);
});

describe.each([
  ["a directory with something in it", makeFull],
  ["a file", writeEmpty],
  ["a link", linkNowhere],
])("%s called like the place btm keeps undo points in", (_, make) => {
  it("stops a rollback before its first change, and nothing else", async () => {
    make(`${volume.snapshotPath(0).slice(0, -2)}.btm`);
    await btm.snapshot(1);
    expect(await btm.list()).toHaveLength(1);
    const before = volume.everything({ exact: true });
    await failureOf(btm.rollback(1), "BLOCKED");
    expect((await btm.rollback(1, { dryRun: true })).blockers).toMatchObject([{ kind: "name-taken" }]);
    await failureOf(btm.pin(1), "NAME_TAKEN");
    expect(volume.everything({ exact: true })).toEqual(before);
  });
});
