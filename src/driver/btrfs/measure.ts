import { constants } from "node:fs";
import { open, opendir } from "node:fs/promises";
import { join } from "node:path";

import { exclusiveBytes } from "../../sys/fiemap.ts";

/** A tree of millions of files is looked at as far as that goes: what is found is "at least". */
const LIMIT_MS = 5000;

/**
 * How many bytes of the files of a tree nothing else shares: what destroying it would give back at least. What the tree shares
 * with the snapshots of its own undo point only is not in it, though these go with it.
 */
export async function exclusiveBytesOf(folder: string): Promise<bigint> {
  const end = Date.now() + LIMIT_MS;
  let bytes = 0n;
  const look = async (path: string): Promise<void> => {
    const folder = await opendir(path).catch(() => undefined);
    for await (const entry of folder ?? []) {
      if (Date.now() > end) return;
      const inner = join(path, entry.name);
      if (entry.isDirectory()) await look(inner);
      else if (entry.isFile()) bytes += await ofFile(inner);
    }
  };
  await look(folder);
  return bytes;
}

/** Nothing for what cannot be opened: by a name that is no UTF-8, or gone meanwhile. */
async function ofFile(path: string): Promise<bigint> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NOATIME).catch(() => undefined);
  try {
    return file === undefined ? 0n : exclusiveBytes(file.fd);
  } finally {
    await file?.close();
  }
}
