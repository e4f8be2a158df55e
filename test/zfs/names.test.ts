import { mkdirSync, symlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";

import { beforeAll, describe, expect, it } from "vitest";

import { Btm } from "../../src/index.ts";
import { heightsOf } from "../contract/helpers.ts";
import { failureOf } from "../support/expect-code.ts";
import { quickRun } from "../support/quick-run.ts";
import { type Dataset, undoing, zfs, zfsSuite } from "../support/zfs-suite.ts";

const suite = zfsSuite();
const undo = undoing();
let volume: Dataset;
beforeAll(async () => {
  volume = await suite.fresh();
  volume.write("state/db", "ten");
  await new Btm({ volume: volume.dataset }).snapshot(10);
});

/** The heights that are found under a name, and what the caller was told of it. */
async function found(name: string): Promise<{ heights: bigint[]; resolved: string[] }> {
  const resolved: string[] = [];
  const btm = new Btm({ volume: name }, { onResolved: (what) => resolved.push(what) });
  const heights = heightsOf(await btm.list());
  await btm.list();
  return { heights, resolved };
}

async function mounted(args: readonly string[], name: string): Promise<string> {
  const at = join(suite.pool.mounts, name);
  mkdirSync(at);
  await quickRun("mount", [...args, at]);
  undo(() => quickRun("umount", ["--", at]));
  return at;
}

describe("a volume, found without a mode", () => {
  it("by the name of the dataset, of which nothing is told", async () => {
    expect(await found(volume.dataset)).toEqual({ heights: [10n], resolved: [] });
  });

  it.each<[string, () => string | Promise<string>]>([
    ["by its mount point", () => volume.path],
    ["by its mount point with slashes too many", () => `/${volume.path.replaceAll("/", "//")}//`],
    [
      "by a symbolic link to it",
      () => {
        const link = join(suite.pool.folder, "link");
        symlinkSync(volume.path, link);
        return link;
      },
    ],
    ["by a bind mount of the whole", () => mounted(["--bind", "--", volume.path], "bound")],
  ])("%s: the dataset is told, once", async (_, name) => {
    expect(await found(await name())).toEqual({ heights: [10n], resolved: [volume.dataset] });
  });

  it("not by a mount point where nothing is mounted, but by name: who writes there writes elsewhere", async () => {
    const unmounted = await suite.fresh(["canmount=noauto"]);
    const copy = `${unmounted.dataset}-copy`;
    await zfs("create", "-o", `mountpoint=${unmounted.path}`, "-o", "canmount=noauto", copy);
    // Whether there is a directory or not.
    for (const isThere of [false, true]) {
      if (isThere) mkdirSync(unmounted.path);
      const { message, hint } = await failureOf(new Btm({ volume: unmounted.path }).snapshot(0), "NOT_A_DATASET");
      expect(message).toContain(`"${unmounted.dataset}" and "${copy}"`);
      expect(hint).toContain("zfs mount");
    }
    expect(await found(copy)).toEqual({ heights: [], resolved: [] });
  });

  it("not by a mount point on which something else is mounted", async () => {
    const hidden = await suite.fresh();
    await quickRun("mount", ["-t", "tmpfs", "none", hidden.path]);
    undo(() => quickRun("umount", ["--", hidden.path]));
    await failureOf(new Btm({ volume: hidden.path, mode: "zfs" }).snapshot(0), "NOT_ZFS");
    await failureOf(new Btm({ volume: hidden.path }).snapshot(0), "NOT_BTRFS");
  });

  it("not by a mount point whose dataset has a name with too little room for a height", async () => {
    const name = "n".repeat(235 - suite.pool.name.length - 1);
    const { dataset, mountPoint } = await suite.pool.makeDataset(name, "too long");
    undo(() => zfs("destroy", "-r", dataset));
    expect(() => new Btm({ volume: dataset })).toThrow(expect.objectContaining({ code: "BAD_VOLUME_NAME" }));
    await failureOf(new Btm({ volume: mountPoint }).snapshot(0), "BAD_VOLUME_NAME");
  });

  it("by the longest name, of 234 bytes: the greatest height has room behind it", async () => {
    const { pool } = suite;
    const length = 234 - pool.name.length - 1;
    const { dataset } = await pool.makeDataset("n".repeat(length), "long");
    undo(() => zfs("destroy", "-r", dataset));
    const btm = new Btm({ volume: dataset });
    const greatest = 2n ** 64n - 1n;
    await btm.snapshot(greatest);
    expect((await btm.rollback(greatest, { discardNewer: true })).target?.name).toBe(`${dataset}@${String(greatest)}`);
  });
});

describe("what is no volume is refused by every call, with what it is", () => {
  it.each<[string, () => string | Promise<string>, string]>([
    ["a directory inside", () => join(volume.path, "state"), "a directory inside"],
    ["a file inside", () => join(volume.path, "state/db"), "inside"],
    ["the control directory", () => join(volume.path, ".zfs/snapshot"), "inside"],
    ["a snapshot", () => join(volume.path, ".zfs/snapshot/10"), "the snapshot"],
    ["a directory inside a snapshot", () => join(volume.path, ".zfs/snapshot/10/state"), "inside"],
    ["a bind mount of a directory inside", () => mounted(["--bind", "--", `${volume.path}/state`], "in"), "inside"],
  ])("%s", async (_, name, what) => {
    const path = await name();
    const btm = new Btm({ volume: path });
    for (const call of [
      () => btm.list(),
      () => btm.snapshot(20),
      () => btm.rollback(undefined, { discardNewer: true }),
    ]) {
      const { message, hint } = await failureOf(call(), "NOT_A_DATASET");
      expect(message).toContain(what);
      expect(message).toContain(volume.dataset);
      expect(hint).toBeTruthy();
    }
  });

  it("a snapshot that is mounted elsewhere", async () => {
    const snapshot = `${(await suite.fresh()).dataset}@0`;
    await zfs("snapshot", snapshot);
    const at = await mounted(["-t", "zfs", snapshot], "look");
    const { message } = await failureOf(new Btm({ volume: at }).snapshot(1), "NOT_A_DATASET");
    expect(message).toContain(`the snapshot "${snapshot}"`);
  });

  it("a path on another file system: not ZFS; without a mode, neither of the two", async () => {
    const path = suite.pool.mounts;
    const { hint } = await failureOf(new Btm({ volume: path, mode: "zfs" }).list(), "NOT_ZFS");
    expect(hint).toContain("zfs list");
    const { message } = await failureOf(new Btm({ volume: path }).list(), "NOT_BTRFS");
    expect(message).toContain("neither Btrfs nor ZFS");
    const { message: asBtrfs } = await failureOf(new Btm({ volume: volume.path, mode: "btrfs" }).list(), "NOT_BTRFS");
    expect(asBtrfs).toContain("it is on ZFS");
  });

  it("what does not exist: a path, a dataset, a dataset of a pool that does not", async () => {
    const missing = [join(dirname(volume.path), "missing"), `${suite.pool.name}/missing`, "no-such-pool/data"];
    for (const name of missing) {
      const { message } = await failureOf(new Btm({ volume: name }).snapshot(0), "VOLUME_MISSING");
      expect(message).toContain(basename(name));
    }
  });
});
