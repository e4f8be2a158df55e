import { writeFile } from "node:fs/promises";

import { Btm } from "../../src/index.ts";
import type { Image } from "./image.ts";

/** Takes `count` snapshots at the heights from `from` on. */
export async function takeSnapshots(image: Image, from: number, count: number): Promise<void> {
  const btm = new Btm({ volume: image.volume, itv: 1, cap: 65_536 });
  for (let height = from; height < from + count; height++) {
    const { taken } = await btm.snapshot(height, { force: true, prune: false });
    if (!taken) throw new Error(`Snapshot ${String(height)} was not taken`);
  }
}

/** What a node does between two snapshots, in small: a file gets new content. */
export async function writeBlock(image: Image): Promise<void> {
  await writeFile(`${image.volume}/block`, Buffer.alloc(16_384, Math.random().toString()));
}
