import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { Btm } from "../../src/index.ts";
import { BtrfsImage } from "../support/btrfs-image.ts";
import { failureOf } from "../support/expect-code.ts";
import { run } from "../support/run.ts";
import { btrfsVolume, type TestVolume } from "../support/volumes.ts";

let image: BtrfsImage;
let made = 0;
beforeAll(async () => {
  image = await BtrfsImage.make();
});
afterAll(() => image.dispose());

describe.each([false, true])("mounted: %j", (isMounted) => {
  let volume: TestVolume;
  let btm: Btm;
  let aside: string;
  beforeEach(async () => {
    volume = await btrfsVolume(image, `obstacles${String(made++)}`, { isMounted });
    btm = new Btm({ volume: volume.path, itv: 10 });
    aside = join(volume.undoPath(1), "../..");
    for (const height of [10, 20, 30]) {
      volume.write("height", String(height));
      await btm.snapshot(height);
    }
    volume.write("height", "live");
  });

  it("snapshots that an undo point left behind are not taken for those of a later one", async () => {
    await btm.rollback(10);
    execFileSync("btrfs", ["subvolume", "delete", "--", volume.undoPath(1)]);
    rmSync(join(aside, "undo-1"), { recursive: true });
    await btm.snapshot(20);
    const { undo } = await btm.rollback(10);
    expect(undo?.number).toBe(2);
    const points = await btm.undoPoints();
    expect(points.map(({ snapshots }) => snapshots.map(({ height }) => height))).toEqual([[20n]]);
    expect(existsSync(`${volume.snapshotPath(30)}.undo-1`)).toBe(true);
  });

  it("what has the name of a snapshot that would come back is found before anything is changed", async () => {
    await btm.rollback(10);
    writeFileSync(volume.snapshotPath(30), "mine");
    const before = volume.everything();
    const { message, details } = await failureOf(btm.undo(), "BLOCKED");
    expect(message).toContain("cannot come back");
    expect(details["blockers"]).toMatchObject([{ kind: "name-taken" }]);
    expect(volume.everything()).toEqual(before);
    rmSync(volume.snapshotPath(30));
    await btm.undo();
    expect(volume.read("height")).toBe("live");
    expect((await btm.list()).map(({ height }) => height)).toEqual([10n, 20n, 30n]);
  });

  it("an undo point that is mounted somewhere is not dropped, and its rollback keeps it with a warning", async () => {
    await btm.rollback(10);
    const inTop = volume.undoPath(1).slice(image.top.length + 1);
    const at = await image.mountAt(`look${String(made++)}`, inTop);
    const { details } = await failureOf(btm.dropUndo(1), "BLOCKED");
    expect(details["blockers"]).toMatchObject([{ kind: "mount" }]);
    const { warnings } = await btm.rollback(10, { keepUndo: 1 });
    expect(warnings.join()).toContain("undo point 1 is kept");
    await run("umount", ["--", at]);
    await btm.dropUndo(1);
    expect((await btm.undoPoints()).map(({ number }) => number)).toEqual([2]);
  });

  it("an undo point with names that are no UTF-8 is measured", async () => {
    writeFileSync(Buffer.concat([Buffer.from(`${volume.path}/`), Buffer.from([0xff])]), "odd");
    writeFileSync(join(volume.path, "big"), Buffer.alloc(1024 * 1024, 1));
    await run("sync", ["-f", volume.path]);
    await btm.rollback(10);
    const [point] = await btm.undoPoints({ measure: true });
    expect(point?.bytes).toBeGreaterThanOrEqual(1024n * 1024n);
  });

  it("a clone with something in it that would be lost is not closed", async () => {
    const clone = await btm.open(10);
    const folder = join(aside, "open-10");
    execFileSync("btrfs", ["subvolume", "create", "--", join(folder, "inner")]);
    mkdirSync(join(clone.path ?? "", "hole"));
    await run("mount", ["-t", "tmpfs", "none", join(clone.path ?? "", "hole")]);
    const { details } = await failureOf(btm.close(10), "BLOCKED");
    expect(details["blockers"]).toMatchObject([{ kind: "nested-subvolume" }, { kind: "mount" }]);
    await run("umount", [join(clone.path ?? "", "hole")]);
    execFileSync("btrfs", ["subvolume", "delete", "--", join(folder, "inner")]);
    await btm.close(10);
    expect(await btm.clones()).toEqual([]);
    expect(readdirSync(aside)).toEqual([]);
  });

  it("a clone of a snapshot made by hand opens and closes, and only what open made is removed", async () => {
    await volume.snapshotByHand(15);
    const there = join(image.mounts, `there${String(made++)}`);
    mkdirSync(there);
    await btm.open(15, { at: there });
    await btm.close(15);
    expect(readdirSync(there)).toEqual([]);
    await btm.open(15, { at: join(there, "a/b") });
    expect(readdirSync(join(there, "a/b"))).toContain("height");
    await btm.close(15);
    expect(readdirSync(there)).toEqual([]);
    rmSync(there, { recursive: true });
  });
});
