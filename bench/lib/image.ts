import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { mkdir, mkdtemp, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { run } from "./run.ts";

/** A Btrfs file system in a file, mounted in a temporary folder. */
export interface Image {
  /** Its mount point: the directory in which the volume and its snapshots are. */
  readonly root: string;
  /** A subvolume in it. */
  readonly volume: string;
}

/** Room for the metadata of 4,000 snapshots and for a database; the file is sparse. */
const SIZE_BYTES = 4 * 1024 ** 3;

/** Makes an image, hands it to `use`, and removes it whatever happens. */
export async function withImage<T>(use: (image: Image) => Promise<T>, sizeBytes = SIZE_BYTES): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "btm-bench-"));
  folders.add(folder);
  const root = join(folder, "mnt");
  try {
    const file = join(folder, "image");
    await writeFile(file, "");
    await truncate(file, sizeBytes);
    await mkdir(root);
    await run("mkfs.btrfs", "--quiet", file);
    await run("mount", "-o", "loop,noatime", file, root);
    const volume = join(root, "data");
    await run("btrfs", "--quiet", "subvolume", "create", volume);
    const result = await use({ root, volume });
    await run("umount", root);
    return result;
  } finally {
    remove(folder);
  }
}

/** Waits until the kernel has freed what was destroyed, so that it does not disturb the next measurement. */
export async function settle(image: Image): Promise<void> {
  await run("btrfs", "filesystem", "sync", image.root);
  await run("btrfs", "subvolume", "sync", image.root);
}

const folders = new Set<string>();

/** Removes the images that are left: for the end of the process, when nothing can be waited for. */
export function removeImages(): void {
  for (const folder of folders) remove(folder);
}

function remove(folder: string): void {
  folders.delete(folder);
  spawnSync("umount", ["--quiet", "--lazy", join(folder, "mnt")]);
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch (error) {
    // Shown in another place as well, by a bind mount of someone else's; what was measured counts all the same.
    process.stderr.write(`${folder} is left behind: ${String(error)}\n`);
  }
}
