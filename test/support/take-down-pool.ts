import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";

import { sweep } from "./sweep.ts";

/**
 * Destroys a pool, unmounts everything below its folder, and removes that; whether nothing is left. A pool that was being
 * made when its maker was killed may appear a moment later, so a pass counts only when the folder, and its image, were gone
 * before it.
 */
export async function takeDownPool(pool: string, folder: string): Promise<boolean> {
  for (let pass = 0; pass < PASSES; pass++) {
    const wasGone = !existsSync(folder);
    // Refused while something is in use or mounted in it: the sweep unmounts, and the next pass tries again.
    if (isImported(pool)) await promisify(execFile)("zpool", ["destroy", "-f", pool]).catch(() => undefined);
    const isSwept = await sweep(folder);
    if (isSwept && wasGone && !isImported(pool)) return true;
    if (pass > 1) await setTimeout(PAUSE_MS);
  }
  return false;
}

const PASSES = 400;
const PAUSE_MS = 50;

/** Every imported pool has its statistics there. */
export function isImported(pool: string): boolean {
  return existsSync(`/proc/spl/kstat/zfs/${pool}`);
}
