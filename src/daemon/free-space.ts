import { statfs } from "node:fs/promises";

import { readMounts } from "../sys/mounts.ts";
import { within } from "../sys/within.ts";
import { isPath } from "../volume-name.ts";

export interface FreeSpace {
  readonly free: bigint;
  readonly size: bigint;
}

/**
 * How much can be written to the file system of a volume; undefined when it cannot be told: the volume is not there, is a
 * dataset that is not mounted or a zvol, or the disk does not answer.
 *
 * @param resolved what the volume turned out to be
 */
export async function freeSpaceOf(volume: string, resolved: string): Promise<FreeSpace | undefined> {
  const path = folderOf(volume, resolved);
  if (path === undefined) return undefined;
  try {
    const found = await within(ANSWER_MS, statfs(path, { bigint: true }));
    if (found === undefined) return undefined;
    return { free: found.bavail * found.bsize, size: found.blocks * found.bsize };
  } catch {
    return undefined;
  }
}

const ANSWER_MS = 5000;

/** Where the files of a volume are; undefined when nothing shows them. */
export function folderOf(volume: string, resolved: string): string | undefined {
  return isPath(volume) ? volume : isPath(resolved) ? resolved : mountPointOf(resolved);
}

function mountPointOf(dataset: string): string | undefined {
  return readMounts().find(({ type, source }) => type === "zfs" && source === dataset)?.mountPoint;
}
