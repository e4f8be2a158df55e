import type { Volume } from "../driver/driver.ts";
import { BtmError, isBtmError } from "../errors.ts";
import type { Height } from "../height.ts";
import type { NodeFacts } from "../node-facts.ts";
import { quote } from "../text.ts";

/**
 * Takes a snapshot of each, one after the other, for who has halted what writes to them; when one cannot be taken, those
 * before it go again.
 *
 * @returns false when one of them has one of that height
 * @throws BtmError PARTLY_DONE when some are taken and stay
 */
export async function createOneByOne(
  volumes: readonly Volume[],
  at: Height,
  nodes: readonly (NodeFacts | undefined)[],
): Promise<boolean> {
  const taken: Volume[] = [];
  try {
    for (const [i, volume] of volumes.entries()) {
      if (!(await volume.create(at, nodes[i]))) {
        await takeBack(taken, at);
        return false;
      }
      taken.push(volume);
    }
    return true;
  } catch (error) {
    await takeBack(taken, at, error);
    throw error;
  }
}

async function takeBack(taken: readonly Volume[], at: Height, cause?: unknown): Promise<void> {
  const left: string[] = [];
  for (const volume of taken) {
    const why = await failureOfTakingBack(volume, at);
    if (why !== undefined) left.push(`${quote(volume.name)} (${why})`);
  }
  if (left.length === 0) return;
  const first = isBtmError(cause) ? `${cause.message}; ` : "";
  throw new BtmError(
    "PARTLY_DONE",
    `${first}the snapshots at ${String(at)} stay that were taken of ${left.join(", ")}`,
    {
      hint: "They are pruned with the others; what others lack counts for none",
      cause,
    },
  );
}

async function failureOfTakingBack(volume: Volume, at: Height): Promise<string | undefined> {
  try {
    const made = (await volume.snapshots()).filter(({ height }) => height === at);
    const [outcome] = await volume.destroy(made);
    return outcome?.error?.message;
  } catch (error) {
    if (!isBtmError(error)) throw error;
    return error.message;
  }
}
