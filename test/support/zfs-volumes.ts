import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { manifestOf } from "./manifest.ts";
import { run } from "./run.ts";
import { filesOf, type TestVolume, type Traits, type VolumeFactory } from "./volumes.ts";
import { ZfsPool } from "./zfs-pool.ts";

export interface ZfsFactoryOptions {
  readonly kind: string;
  /** What btm is given: the name of the dataset, or the path of its mount point. */
  readonly by: "name" | "path";
  /** Datasets between the pool and the volume, and its own name. */
  readonly path?: string;
  /** The name of its mount point, and of the directory of that. */
  readonly mountName?: string;
  readonly folderName?: string;
}

const zfsTraits: Traits = {
  capabilities: { clonesNeedTheirSnapshot: true },
  foreignIsMoved: true,
  // Whole seconds, of a clock that ticks every 1 to 10 ms.
  timeResolutionMs: 1020,
  nested: "child-dataset",
  snapshotsAreInside: true,
  destroyedAtOnce: Infinity,
  isSlow: true,
};

export function zfsFactory(options: ZfsFactoryOptions): VolumeFactory {
  const { kind, by, path = "data", mountName = "data", folderName = "mounts" } = options;
  let pool: ZfsPool | undefined;
  let made = 0;
  return {
    kind,
    traits: zfsTraits,
    open: async () => {
      pool = await ZfsPool.make({ folderName });
    },
    make: async () => {
      if (pool === undefined) throw new TypeError("The factory is not open");
      const number = String(made++);
      const { dataset, mountPoint } = await pool.makeDataset(`${path}${number}`, `${mountName}${number}`);
      return zfsVolume(dataset, mountPoint, by);
    },
    close: async () => pool?.dispose(),
  };
}

export function zfsVolume(dataset: string, mountPoint: string, by: "name" | "path"): TestVolume {
  const snapshotName = (height: bigint | number): string => `${dataset}@${String(height)}`;
  return {
    ...filesOf(mountPoint),
    volume: by === "name" ? dataset : mountPoint,
    beside: join(mountPoint, ".zfs/snapshot"),
    readAt: (height, file) => readFileSync(join(mountPoint, ".zfs/snapshot", String(height), file), "utf8"),
    snapshotName,
    snapshotPath: (height) => join(mountPoint, ".zfs/snapshot", String(height)),
    undoPath: () => {
      throw new TypeError("ZFS keeps no live state that a rollback replaced");
    },
    snapshotByHand: async (height) => {
      await run("zfs", ["snapshot", snapshotName(height)]);
    },
    nest: async () => {
      await run("zfs", ["create", `${dataset}/wallets`]);
      return "wallets";
    },
    everything: (manifestOptions) => [...propertiesOf(dataset), ...manifestOf(mountPoint, manifestOptions)],
  };
}

/** What is set, and what identifies it, of the dataset, its snapshots, its bookmarks and all below it. */
function propertiesOf(dataset: string): string[] {
  const args = ["get", "-Hp", "-r", "-t", "all", "-o", "name,property,value,source", "all", dataset];
  const lines = execFileSync("zfs", args, { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 }).split("\n");
  // What is computed goes with what is written elsewhere, and with the time.
  return lines.filter((line) => IDENTITY.test(line) || SET.test(line)).sort();
}

const IDENTITY = /\t(type|guid|createtxg|creation|mounted|userrefs|clones|defer_destroy|receive_resume_token)\t/;
const SET = /\t(local|received)$/;
