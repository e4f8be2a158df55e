import type { Snapshot } from "../driver/driver.ts";
import { BtmError } from "../errors.ts";
import type { Height } from "../height.ts";

/** How many of the newest are looked at: a block below a hundred others is not reorganised away without notice. */
const NEWEST = 10;

/**
 * The newest snapshots whose marked block is no longer on the chain, ascending. One that the node does not know, for it
 * stands below it or has thrown it away, is none.
 *
 * @param hashAt the hash of the node's block at a height
 */
export async function orphansAmong(
  snapshots: readonly Pick<Snapshot, "height" | "mark">[],
  hashAt: (height: Height) => Promise<string | undefined>,
): Promise<Height[]> {
  const marked = snapshots.filter(({ mark }) => mark?.node?.hash !== undefined).slice(-NEWEST);
  const orphans: Height[] = [];
  for (const { height, mark } of marked) {
    const now = await hashOrNothing(height, hashAt);
    if (now !== undefined && now !== mark?.node?.hash) orphans.push(height);
  }
  return orphans;
}

async function hashOrNothing(
  height: Height,
  hashAt: (height: Height) => Promise<string | undefined>,
): Promise<string | undefined> {
  try {
    return await hashAt(height);
  } catch (error) {
    if (error instanceof BtmError) return undefined;
    throw error;
  }
}
