import { randomBytes } from "node:crypto";
import { mkdir, realpath } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";

import { Btm } from "../../../src/index.ts";
import { mine, takeSnapshots } from "../../../tools/demo/chain.ts";
import { FOLDER_PREFIX, startWatchdog } from "../../../tools/demo/cleanup.ts";
import { makeVolume } from "../../../tools/demo/image.ts";
import { Litecoind } from "../../../tools/demo/litecoind.ts";
import { run, type Stage } from "../../../tools/demo/run.ts";

const BTM = join(import.meta.dirname, "../../../build/btm");
const SNAPSHOTS = 20;
const ITV = 20;

/** In a folder of its own, which is cleared away at the end of the test. */
async function makeStage(): Promise<Stage> {
  const folder = join(await realpath(tmpdir()), FOLDER_PREFIX + randomBytes(6).toString("hex"));
  const watchdog = startWatchdog(folder);
  onTestFinished(async () => {
    expect(await watchdog.clearAway()).toBe(true);
  });
  await mkdir(folder);
  const bare: Stage = { folder, signal: new AbortController().signal, env: {} };
  return { ...bare, env: { BTM_VOLUME: await makeVolume(bare, "blockchain") } };
}

test("a node starts from each of 20 snapshots taken while it mined, at exactly its height, newest to oldest and back", async () => {
  const stage = await makeStage();
  const volume = stage.env["BTM_VOLUME"] ?? "";
  const miner = await Litecoind.start(stage, volume);
  let isFollowed = true;
  const [tips] = await Promise.all([
    takeSnapshots(stage, miner, {
      btm: BTM,
      flushes: true,
      itv: ITV,
      isEnough: (_, taken) => taken === SNAPSHOTS,
    }).finally(() => (isFollowed = false)),
    mine(stage, miner, () => !isFollowed),
  ]);
  await miner.stop();
  expect(tips).toHaveLength(SNAPSHOTS);

  const keep = ["--keep-undo", String(2 * SNAPSHOTS)];
  const expectTip = async (tip: unknown): Promise<void> => {
    const node = await Litecoind.start(stage, volume);
    expect(await node.tip()).toEqual(tip);
    await node.stop();
  };
  for (const tip of tips.toReversed()) {
    await run(stage, BTM, "rollback", "-s", String(tip.height), "--strict", ...keep);
    await expectTip(tip);
  }
  // Each rollback but the first left the state of the one before it.
  for (const [i, tip] of tips.slice(1).entries()) {
    await run(stage, BTM, "undo", String(SNAPSHOTS - i), ...keep);
    await expectTip(tip);
  }
  await run(stage, BTM, "undo", "1", ...keep);
  const { snapshots } = await new Btm({ volume }).overview();
  expect(snapshots.map(({ height }) => Number(height))).toEqual(tips.map(({ height }) => height));
}, 300_000);
