import { randomBytes } from "node:crypto";
import { mkdir, realpath, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";

import { Btm } from "../../src/index.ts";
import { mine } from "../../tools/demo/chain.ts";
import { FOLDER_PREFIX, startWatchdog } from "../../tools/demo/cleanup.ts";
import { Litecoind, type Tip } from "../../tools/demo/litecoind.ts";
import type { Stage } from "../../tools/demo/run.ts";
import { btm } from "../support/executable.ts";
import { run } from "../support/run.ts";
import { ZfsPool } from "../support/zfs-pool.ts";

const SNAPSHOTS = 10;
const ITV = 5;

let pool: ZfsPool;
let stage: Stage;

beforeAll(async () => {
  const folder = join(await realpath(tmpdir()), FOLDER_PREFIX + randomBytes(6).toString("hex"));
  // It ends the node that a failed test leaves running, which would keep the pool from being taken down.
  const watchdog = startWatchdog(folder);
  await mkdir(folder);
  stage = { folder, signal: new AbortController().signal, env: {} };
  pool = await ZfsPool.make({ sizeMiB: 512, properties: ["compression=lz4"] });
  return async () => {
    expect(await watchdog.clearAway()).toBe(true);
    await pool.dispose();
  };
});

test("a node starts from each of 10 snapshots taken while it mined, at exactly its block: from 8 as clones, 2 rolled back to", async () => {
  const { dataset, mountPoint } = await pool.makeDataset("blockchain", "blockchain");
  // Two caches of 16 MiB, touched at every start, would be half a second each in the lab.
  await writeFile(join(mountPoint, "litecoin.conf"), "maxsigcachesize=0\n");
  const library = new Btm({ volume: dataset, itv: ITV });
  const tips = await followMiner(library, mountPoint, SNAPSHOTS);
  expect((await library.list()).map(({ height }) => height)).toEqual(tips.map((tip) => BigInt(tip.height)));

  // What is rolled back to comes last: it destroys what is newer.
  const [middle, newest] = [tips[4], tips.at(-1)] as [Tip, Tip];
  for (const tip of tips) {
    if (tip !== middle && tip !== newest) expect(await tipInClone(dataset, tip.height)).toEqual(tip);
  }
  for (const tip of [newest, middle]) {
    const rolledBack = await btm(["rollback", "--discard-newer", "-p", dataset, "-s", String(tip.height), "--strict"]);
    expect(rolledBack).toMatchObject({ status: 0, stderr: "" });
    expect(await tipOfNodeOn(mountPoint)).toEqual(tip);
  }

  // The chain grows on from there, by other blocks, and so do the snapshots: of the next interval, at or below heights
  // that had some before.
  const [next] = (await followMiner(library, mountPoint, 1)) as [Tip];
  expect(next.height).toBeGreaterThan(middle.height);
  expect(tips).not.toContainEqual(next);
  expect(await tipInClone(dataset, next.height)).toEqual(next);
  const left = [...tips.filter((tip) => tip.height <= middle.height), next];
  expect((await library.list()).map(({ height }) => height)).toEqual(left.map((tip) => BigInt(tip.height)));
});

/** Starts a node that mines, also while btm, told of every block that it has written out, takes snapshots; of which. */
async function followMiner(library: Btm, mountPoint: string, snapshots: number): Promise<Tip[]> {
  const node = await Litecoind.start(stage, mountPoint);
  const tips: Tip[] = [];
  await node.mine(1);
  while (tips.length < snapshots) {
    // Not while it mines: it may count a block less than it writes out, and a node started there would come to that one.
    const tip = await node.flush();
    let isAnswered = false;
    const answer = library.snapshot(tip.height).finally(() => (isAnswered = true));
    const [{ taken }] = await Promise.all([answer, mine(stage, node, () => isAnswered)]);
    if (taken) tips.push(tip);
  }
  await node.stop();
  return tips;
}

async function tipInClone(dataset: string, height: number): Promise<Tip> {
  const clone = `${pool.name}/clone-${String(height)}`;
  const mountPoint = join(pool.mounts, `clone-${String(height)}`);
  await run("zfs", ["clone", "-o", `mountpoint=${mountPoint}`, `${dataset}@${String(height)}`, clone]);
  const tip = await tipOfNodeOn(mountPoint);
  await run("zfs", ["destroy", clone]);
  return tip;
}

/** The newest block that a node finds when it is started on the folder. */
async function tipOfNodeOn(folder: string): Promise<Tip> {
  const node = await Litecoind.start(stage, folder);
  const tip = await node.tip();
  await node.stop();
  return tip;
}
