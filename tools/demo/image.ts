import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";

import { run, type Stage } from "./run.ts";

/** Sparse: the demo fills some 20 MB of it. litecoind stops when less than 50 MB are free, and Btrfs sets much aside. */
const SIZE_BYTES = 1024 ** 3;

/** Makes a Btrfs in a file, mounts it, and makes a subvolume in it; gives the path of the subvolume. */
export async function makeVolume(stage: Stage, name: string): Promise<string> {
  const image = join(stage.folder, "disk.img");
  const disk = join(stage.folder, "disk");
  const file = await open(image, "wx");
  await file.truncate(SIZE_BYTES);
  await file.close();
  await mkdir(disk);
  await run(stage, "mkfs.btrfs", "-q", image);
  // "loop" makes a loop device that the kernel takes away again with the mount.
  await run(stage, "mount", "-t", "btrfs", "-o", "loop,noatime", image, disk);
  await run(stage, "btrfs", "subvolume", "create", join(disk, name));
  return join(disk, name);
}
