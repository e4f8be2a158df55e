/** A chain that grows, and btm following it. */
import { setTimeout as sleep } from "node:timers/promises";

import { due } from "../../src/index.ts";
import type { Litecoind, Tip } from "./litecoind.ts";
import { run, type Stage } from "./run.ts";

const BLOCK_TIME_MS = 10;

/** One block after another, as a network would make them, only faster. */
export async function mine(stage: Stage, node: Litecoind, isEnough: (mined: number) => boolean): Promise<void> {
  for (let mined = 0; !isEnough(mined); mined++) {
    await node.mine(1);
    await sleep(BLOCK_TIME_MS, undefined, { signal: stage.signal });
  }
}

export interface Taken {
  readonly tip: Tip;
  readonly tookMs: number;
  /** Where the chain was when the snapshot was there. */
  readonly chainHeight: number;
}

export interface FollowOptions {
  /** The executable. */
  readonly btm: string;
  /** Whether the node writes its state to the disk before each snapshot. */
  readonly flushes: boolean;
  readonly itv: number;
  /** When to stop following. */
  readonly isEnough: (height: number, taken: number) => boolean;
  readonly onTaken?: (taken: Taken) => void;
}

/** Follows the chain while it grows; gives the blocks at which snapshots of $BTM_VOLUME were taken, ascending. */
export async function takeSnapshots(stage: Stage, node: Litecoind, options: FollowOptions): Promise<Tip[]> {
  const { btm, flushes, itv, isEnough, onTaken } = options;
  const tips: Tip[] = [];
  for (let height = 0; !isEnough(height, tips.length); height = await node.waitFor(height + 1)) {
    const last = tips.at(-1);
    if (!due(BigInt(height), last && BigInt(last.height), BigInt(itv))) continue;
    // The snapshot is named by the block that stands on the disk, not by the one that the node has come to meanwhile.
    const tip = flushes ? await node.flush() : await node.tip();
    const start = performance.now();
    await run(stage, btm, "snapshot", "-s", String(tip.height), "--itv", String(itv));
    const tookMs = performance.now() - start;
    tips.push(tip);
    onTaken?.({ tip, tookMs, chainHeight: (await node.tip()).height });
  }
  return tips;
}
