import { mkdirSync } from "node:fs";
import { join } from "node:path";

import type { Blocker, Btm } from "../../src/index.ts";
import { quickRun } from "./quick-run.ts";
import { sleeper } from "./sleeper.ts";
import { type Dataset, type Suite, zfs } from "./zfs-suite.ts";

/** One kind, and what must be in the message about it. */
export type Expected = readonly [kind: Blocker["kind"], ...words: string[]];

export interface Surroundings {
  readonly suite: Suite;
  /** Takes what puts things back. */
  readonly undo: (step: () => Promise<unknown>) => void;
  readonly volume: () => Dataset;
  readonly btm: () => Btm;
}

/**
 * Each puts one thing in the way of a rollback to 0. The volume has snapshots of 0 to 30, a file and directories to put
 * things into, and its state at 0 refers to more than a mebibyte.
 */
export function obstacles({ suite, undo, volume, btm }: Surroundings): Record<string, () => Promise<Expected>> {
  async function mount(args: readonly string[], at: string): Promise<void> {
    mkdirSync(at, { recursive: true });
    await quickRun("mount", [...args, at]);
    undo(() => quickRun("umount", ["--", at]));
  }

  /** A dataset of the pool that goes with the test. */
  async function make(args: readonly string[], name: string): Promise<string> {
    await zfs(...args, name);
    undo(() => zfs("destroy", name));
    return name;
  }

  async function occupy(cwd: string): Promise<Expected> {
    const process = await sleeper({ cwd });
    undo(() => process.end());
    return ["process", `process ${String(process.pid)} `, "working directory"];
  }

  const elsewhere = (name: string): string => join(suite.pool.mounts, name);
  const snapshot = (name: number | string): string => `${volume().dataset}@${String(name)}`;

  return {
    "a newer snapshot that is held": async () => {
      await zfs("hold", "my backup", snapshot(10));
      undo(() => zfs("release", "my backup", snapshot(10)));
      return ["hold", snapshot(10), '"my backup"'];
    },
    "a clone of a newer snapshot": async () => {
      const clone = await make(["clone", "-o", "canmount=noauto", snapshot(10)], `${suite.pool.name}/a clone`);
      return ["clone", snapshot(10), clone];
    },
    "a bookmark of a newer snapshot": async () => [
      "bookmark",
      await make(["bookmark", snapshot(10)], `${volume().dataset}#newer`),
    ],
    "a newer snapshot with another name": async () => [
      "unmarked-snapshot",
      await make(["snapshot"], snapshot("zfs-auto-snap_hourly-2026-11-23-0617")),
    ],
    "a newer snapshot made by hand, with a height": async () => [
      "unmarked-snapshot",
      await make(["snapshot"], snapshot(15)),
    ],
    "a newer snapshot that is pinned": async () => {
      await btm().pin(20);
      undo(() => btm().unpin(20));
      return ["pinned-snapshot", snapshot(20)];
    },
    "a dataset mounted inside": async () => {
      const at = join(volume().path, "of a dataset");
      return ["child-dataset", await make(["create", "-o", `mountpoint=${at}`], `${suite.pool.name}/inside`), at];
    },
    "another file system mounted inside": async () => {
      const at = join(volume().path, "of a tmpfs");
      await mount(["-t", "tmpfs", "none"], at);
      return ["mount", at];
    },
    "a snapshot of another dataset mounted inside": async () => {
      const other = await make(["create", "-o", "canmount=noauto"], `${suite.pool.name}/other`);
      const at = join(volume().path, "of another");
      await make(["snapshot"], `${other}@0`);
      await mount(["-t", "zfs", `${other}@0`], at);
      return ["mount", at];
    },
    "a newer snapshot mounted inside": async () => {
      const at = join(volume().path, "of a snapshot");
      await mount(["-t", "zfs", snapshot(30)], at);
      return ["mount", at];
    },
    "a newer snapshot mounted elsewhere": async () => {
      await mount(["-t", "zfs", snapshot(20)], elsewhere("of a newer one"));
      return ["mount", snapshot(20), elsewhere("of a newer one")];
    },
    "a bind mount of it": async () => {
      await mount(["--bind", volume().path], elsewhere("bound"));
      return ["mount", elsewhere("bound")];
    },
    "a bind mount of a directory in it": async () => {
      await mount(["--bind", join(volume().path, "bound")], elsewhere("inside bound"));
      return ["mount", elsewhere("inside bound")];
    },
    "a loop device that shows a file of it": async () => {
      const device = (
        await quickRun("losetup", ["--find", "--show", "--", join(volume().path, "disk of a guest")])
      ).trim();
      undo(() => quickRun("losetup", ["--detach", device]));
      return ["loop-device", device, "disk of a guest"];
    },
    "a process in it": () => occupy(volume().path),
    "a process in one of its snapshots": () => occupy(volume().snapshotPath(10)),
    "a refquota too small for the target": async () => {
      await zfs("set", "refquota=1M", volume().dataset);
      undo(() => zfs("set", "refquota=100M", volume().dataset));
      return ["quota", "1048576"];
    },
  };
}
