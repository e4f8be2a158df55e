/** A validator of CometBFT that is rolled back, and what it signs then. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, expect, it } from "vitest";

import { cometbft as family } from "../../../src/chain/cometbft.ts";
import type { Height } from "../../../src/height.ts";
import { Btm } from "../../../src/index.ts";
import { BtrfsImage } from "../../support/btrfs-image.ts";
import { failureOf } from "../../support/expect-code.ts";
import { cometbft } from "../../support/nodes/cometbft.ts";
import { RunningNode } from "../../support/nodes/node.ts";

const STATE = "data/priv_validator_state.json";
const missing = cometbft.missing();
if (missing !== undefined) console.error(`\n*** NOT TESTED: cometbft is not on this machine: ${missing} ***\n`);

let image: BtrfsImage;

beforeAll(async () => {
  image = await BtrfsImage.make({ sizeMiB: 1000 });
  return () => image.dispose();
});

async function reach(node: RunningNode, height: bigint): Promise<void> {
  while ((await node.tip()).height < height) await sleep(20);
}

it.skipIf(missing !== undefined)(
  "signs no height again when its state is preserved, and another block when it is not",
  async () => {
    const folder = await image.makeSubvolume("validator");
    const btm = new Btm({ volume: folder, itv: 1 });
    const state = (): string => readFileSync(join(folder, STATE), "utf8");
    const signed = (): number => Number((JSON.parse(state()) as { readonly height: string }).height);

    let height: Height;
    let later: Height;
    let hash: string | undefined;
    {
      await using node = await RunningNode.start(cometbft, folder);
      await reach(node, 5n);
      ({ height } = await node.tip());
      await btm.snapshot(height);
      later = ((await node.tip()).height + 10n) as Height;
      await reach(node, later);
      hash = await family.hashAt?.(node.client, later);
    }
    const before = state();
    expect(signed()).toBeGreaterThanOrEqual(Number(later));

    const { message } = await failureOf(btm.rollback(height), "SIGNER_STATE");
    expect(message).toContain(STATE);
    expect(state()).toBe(before);

    await btm.rollback(height, { preserve: [STATE] });
    expect(state()).toBe(before);
    {
      await using node = await RunningNode.start(cometbft, folder);
      await node.says("height regression");
      // It went on while the snapshot was taken, and one more when its log has the votes for it; none of those after.
      expect((await node.tip()).height).toBeLessThan(later);
    }
    expect(state()).toBe(before);

    await btm.rollback(height, { allowSignerRewind: true });
    expect(signed()).toBeLessThan(Number(later));
    await using node = await RunningNode.start(cometbft, folder);
    await reach(node, later);
    // Signed twice: what a chain takes the stake for.
    expect(hash).toBeDefined();
    expect(await family.hashAt?.(node.client, later)).not.toBe(hash);
  },
);
