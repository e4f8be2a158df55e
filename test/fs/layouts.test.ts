import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { Btm } from "../../src/index.ts";
import { BtrfsImage } from "../support/btrfs-image.ts";
import { failureOf } from "../support/expect-code.ts";
import { manifestOf } from "../support/manifest.ts";
import { run } from "../support/run.ts";
import { btrfsVolume, volumeOf } from "../support/volumes.ts";

let image: BtrfsImage;
beforeAll(async () => {
  image = await BtrfsImage.make();
});
afterAll(() => image.dispose());

async function expectRefused(path: string, code: Parameters<typeof failureOf>[1]): Promise<void> {
  const before = manifestOf(image.top, { exact: true });
  const btm = new Btm({ volume: path });
  for (const call of [
    () => btm.list(),
    () => btm.snapshot(0),
    () => btm.rollback(),
    () => btm.clean(),
    () => btm.adopt(),
  ]) {
    const { hint } = await failureOf(call(), code);
    expect(hint).toBeTruthy();
  }
  expect(manifestOf(image.top, { exact: true })).toEqual(before);
}

describe("what is no volume is refused by every call, and nothing is made of it", () => {
  it("the top level of a file system (c), wherever it is mounted", async () => {
    await expectRefused(image.top, "IS_TOP_LEVEL");
    await expectRefused(await image.mountAt("top again", "/", ["noatime"]), "IS_TOP_LEVEL");
  });

  it("a plain directory, in the top level and in a subvolume", async () => {
    mkdirSync(join(image.top, "plain"));
    await expectRefused(join(image.top, "plain"), "NOT_A_SUBVOLUME");
    const volume = await btrfsVolume(image, "plain-in", { isMounted: false });
    volume.write("state/db", "");
    await expectRefused(join(volume.path, "state"), "NOT_A_SUBVOLUME");
  });

  it("a file", async () => {
    writeFileSync(join(image.top, "file"), "");
    await expectRefused(join(image.top, "file"), "NOT_A_DIRECTORY");
  });

  it("what does not exist, or lies below a file, or behind a dangling link", async () => {
    writeFileSync(join(image.top, "leaf"), "");
    symlinkSync("nowhere", join(image.top, "dangling"));
    await expectRefused(join(image.top, "missing"), "VOLUME_MISSING");
    await expectRefused(join(image.top, "leaf/below"), "VOLUME_MISSING");
    await expectRefused(join(image.top, "dangling"), "VOLUME_MISSING");
  });

  it("a directory of another file system, and an empty mount point", async () => {
    await expectRefused(image.mounts, "NOT_BTRFS");
    await expectRefused("/proc", "NOT_BTRFS");
  });

  it("a bind mount of a directory inside a volume", async () => {
    const volume = await btrfsVolume(image, "bound-inside", { isMounted: false });
    volume.write("state/db", "");
    const at = join(image.mounts, "bound-inside");
    mkdirSync(at);
    await run("mount", ["--bind", "--", join(volume.path, "state"), at]);
    await expectRefused(at, "NOT_A_SUBVOLUME");
  });

  it("an undo point, mounted to look at it", async () => {
    const volume = await btrfsVolume(image, "undone", { isMounted: false });
    const btm = new Btm({ volume: volume.path });
    await btm.snapshot(0);
    await btm.rollback(0);
    await expectRefused(await image.mountAt("look", "undone/data.btm/undo-1/live"), "NOT_A_SUBVOLUME");
  });
});

describe("names that text alone can refuse", () => {
  it.each([
    ["a relative path", "./data/chain"],
    ["a newline in the last part", "/data/cha\nin"],
    ["..", "/data/../chain"],
    ["NUL", "/data/cha\0in"],
  ])("%s", (_, path) => {
    expect(() => new Btm({ volume: path })).toThrow(expect.objectContaining({ code: "BAD_VOLUME_NAME" }));
  });

  it("a name that a link hides: what counts is the real one", async () => {
    const real = await image.makeSubvolume("links/line\nbreak");
    symlinkSync(real, join(image.top, "links/innocent"));
    await failureOf(new Btm({ volume: join(image.top, "links/innocent") }).snapshot(0), "BAD_VOLUME_NAME");
  });
});

describe("other ways to a volume", () => {
  it("a symbolic link leads to it; its snapshots are beside the real one", async () => {
    const volume = await btrfsVolume(image, "linked", { isMounted: false });
    const link = join(image.mounts, "link");
    symlinkSync(volume.path, link);
    const btm = new Btm({ volume: link });
    volume.write("db", "ten");
    await btm.snapshot(10);
    volume.write("db", "later");
    expect((await btm.list()).map((snapshot) => snapshot.path)).toEqual([volume.snapshotPath(10)]);
    await btm.rollback(10);
    expect(volume.read("db")).toBe("ten");
  });

  it("doubled and trailing slashes do no harm", async () => {
    const volume = await btrfsVolume(image, "slashes", { isMounted: false });
    const btm = new Btm({ volume: `/${volume.path.replaceAll("/", "//")}//` });
    await btm.snapshot(0);
    await btm.rollback(0);
    expect(await btm.list()).toHaveLength(1);
  });

  it("a bind mount of it is a volume too, while it is the only way in that would show the old state", async () => {
    const volume = await btrfsVolume(image, "bound", { isMounted: false });
    const at = join(image.mounts, "bound");
    mkdirSync(at);
    await run("mount", ["--bind", "--", volume.path, at]);
    const [real, bound] = [new Btm({ volume: volume.path }), new Btm({ volume: at })];
    volume.write("db", "ten");
    expect(await bound.snapshot(10)).toMatchObject({ taken: true });
    expect((await real.list()).map((snapshot) => snapshot.height)).toEqual([10n]);
    volume.write("db", "later");
    const { message } = await failureOf(real.rollback(10), "BLOCKED");
    expect(message).toContain(at);
    await bound.rollback(10);
    expect([volume.read("db"), volumeOf(at).read("db")]).toEqual(["ten", "ten"]);
  });

  it("one mounted twice is rolled back neither way while it is", async () => {
    const volume = await btrfsVolume(image, "twice", { isMounted: true });
    const again = await image.mountAt("twice again", "twice/data");
    await new Btm({ volume: again }).snapshot(0);
    const { message } = await failureOf(new Btm({ volume: again }).rollback(0), "BLOCKED");
    expect(message).toContain(volume.path);
    await failureOf(new Btm({ volume: volume.path }).rollback(0), "BLOCKED");
    await run("umount", ["--", again]);
    await new Btm({ volume: volume.path }).rollback(0);
  });
});
