import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { Btm, isBtmError } from "../../src/index.ts";
import { BtrfsImage } from "../support/btrfs-image.ts";
import { manifestOf } from "../support/manifest.ts";
import { run } from "../support/run.ts";
import { btrfsVolume, type TestVolume } from "../support/volumes.ts";

/** Fills the file system, until even a commit gives no room back for one more block. */
async function fill(image: BtrfsImage, name: string): Promise<string> {
  const folder = join(image.top, name);
  mkdirSync(folder);
  const fd = openSync(join(folder, "ballast"), "w");
  for (let written = 1; written > 0;) {
    written = 0;
    for (const size of [1024 * 1024, 4096]) {
      try {
        for (;;) written += writeSync(fd, Buffer.alloc(size, "x"));
      } catch (error) {
        expectNoSpace(error);
      }
    }
    await run("sync", ["-f", folder]).catch(expectNoSpace);
  }
  closeSync(fd);
  return folder;
}

function expectNoSpace(error: unknown): void {
  expect(String(error)).toMatch(/ENOSPC|No space left/);
}

describe.each([
  ["a subvolume in a mounted directory", false],
  ["a mount point", true],
])("on a full disk, %s", (_, isMounted) => {
  let image: BtrfsImage;
  let volume: TestVolume;
  let btm: Btm;
  beforeEach(async () => {
    image = await BtrfsImage.make({ sizeMiB: 64, isMixed: true });
    volume = await btrfsVolume(image, "v", { isMounted });
    btm = new Btm({ volume: volume.path, itv: 1, cap: 65_536 });
  });
  afterEach(() => image.dispose());

  it("a snapshot is taken or fails with NO_SPACE, never half made; list and clean work, and clean makes room", async () => {
    for (let height = 0; height < 8; height++) {
      volume.write("db", `at ${String(height)} `.repeat(100_000));
      await btm.snapshot(height);
    }
    const held = new Map<bigint, string[]>();
    for (const { height } of await btm.list()) held.set(height, manifestOf(volume.snapshotPath(height)));
    await fill(image, "ballast");
    const live = volume.live();
    const refused: unknown[] = [];
    for (let height = 100; refused.length < 5; height++) {
      const taken = await btm.snapshot(height).then(
        (result) => result.taken,
        (error: unknown) => {
          refused.push(error);
          return false;
        },
      );
      if (taken) held.set(BigInt(height), live);
    }
    expect(refused.length).toBeGreaterThan(0);
    for (const error of refused) expect(isBtmError(error) ? error.code : error).toBe("NO_SPACE");
    expect(volume.live()).toEqual(live);
    const listed = await btm.list();
    expect(listed.map((snapshot) => snapshot.height)).toEqual([...held.keys()]);
    expect(listed.every((snapshot) => snapshot.mark !== undefined)).toBe(true);
    for (const [height, content] of held)
      expect(manifestOf(volume.snapshotPath(height)), String(height)).toEqual(content);

    const { failed } = await btm.clean({ kept: 1 });
    expect(failed).toEqual([]);
    await run("btrfs", ["subvolume", "sync", image.top]);
    expect(await btm.snapshot(1000)).toMatchObject({ taken: true });
    volume.write("after", "room again");
  });

  it("a rollback works or fails with NO_SPACE, with the live state whole; after a clean it works", async () => {
    for (const height of [0, 1, 2]) {
      volume.write("db", `at ${String(height)} `.repeat(100_000));
      await btm.snapshot(height);
    }
    const then = manifestOf(volume.snapshotPath(1));
    const ballast = await fill(image, "ballast");
    const live = volume.live();
    const outcome = await btm.rollback(1).then(
      () => "done",
      (error: unknown) => (isBtmError(error) ? error.code : error),
    );
    expect(["done", "NO_SPACE"]).toContain(outcome);
    expect(volume.live()).toEqual(outcome === "done" ? then : live);
    expect(await btm.list()).toHaveLength(3);
    // The way out that the hint names.
    expect(heights(await btm.clean({ kept: 2 }))).toEqual([0n]);
    rmSync(ballast, { recursive: true });
    await run("btrfs", ["subvolume", "sync", image.top]);
    await run("sync", ["-f", image.top]);
    await btm.rollback(1);
    expect(readFileSync(join(volume.path, "db"), "utf8").slice(0, 4)).toBe("at 1");
  });
});

function heights(result: { readonly removed: readonly { readonly height: bigint }[] }): bigint[] {
  return result.removed.map((snapshot) => snapshot.height);
}
