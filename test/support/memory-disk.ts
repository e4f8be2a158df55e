import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";

import type { PoolOptions } from "./zfs-pool.ts";

/** Bytes: room for the image of a pool of 64 MiB, of which a test writes a part. */
export const DISK_SIZE = 96 * 1024 * 1024;

/**
 * Puts the image of a pool into memory, on a file system of its own: a transaction then takes half the time, and the disk
 * can be made full.
 */
export const inMemory: PoolOptions = {
  sizeMiB: 64,
  onPool: ({ folder }) => {
    const disk = diskOf(folder);
    mkdirSync(disk);
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${String(DISK_SIZE)}`, "none", disk]);
    symlinkSync(join(disk, "image"), join(folder, "image"));
  },
};

/** The mount point of the file system that a pool in memory has its image on. */
export function diskOf(folder: string): string {
  return join(folder, "disk");
}
