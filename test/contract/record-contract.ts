import { expect, it } from "vitest";

import type { NodeFacts, SnapshotRecord, Verified } from "../../src/index.ts";
import { failureOf } from "../support/expect-code.ts";
import type { CurrentVolume } from "./driver-contract.ts";
import { btmOf, grow } from "./helpers.ts";

const node: NodeFacts = { family: "bitcoin", chain: "0f9188f1", before: "11", hash: "00ab", quiesce: "flush" };
const verified: Verified = {
  outcome: "exact",
  height: "10",
  hash: "00ab",
  at: "2026-11-26T08:00:00.000Z",
  seconds: 1.5,
};

/** What the node said goes into the mark; what is learnt later is kept beside the snapshot. */
export function recordContract(volume: CurrentVolume): void {
  it("a mark holds what the node said, and the snapshot is as much btm's as any", async () => {
    const btm = btmOf(volume());
    await btm.snapshot(10, { node });
    const [snapshot] = await btmOf(volume()).list();
    expect(snapshot?.mark).toMatchObject({ height: "10", node });
    expect(snapshot?.record).toBeUndefined();
    expect((await btm.clean()).removed).toHaveLength(1);
  });

  it("what is learnt is added to what was, and seen by others", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10]);
    await btm.describe(10, { after: { height: "12", hash: "00cd" } });
    const { snapshot } = await btm.describe(10, { verified });
    const record: SnapshotRecord = { btm: 1, after: { height: "12", hash: "00cd" }, verified };
    expect(snapshot.record).toEqual(record);
    const all = await btmOf(volume()).list();
    expect(all.map((one) => one.record)).toEqual([undefined, record]);
    await failureOf(btm.describe(20, { verified }), "NO_SUCH_SNAPSHOT");
  });

  it("hostile text in it does no harm, and is given back as it was", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0]);
    const why = 'a\tb\nc\u001b[31m "quoted" \\ , \' é 𝔘';
    await btm.describe(0, { verified: { outcome: "failed", at: "2026-11-26T08:00:00.000Z", seconds: 0, why } });
    expect((await btmOf(volume()).list())[0]?.record?.verified?.why).toBe(why);
  });

  it("stays with the snapshot through a rollback and its undoing, and goes with it", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10, 20]);
    await btm.describe(10, { verified });
    await btm.rollback(0);
    // Another snapshot of that height is another one.
    await grow(btm, volume(), [10]);
    expect((await btm.list()).map((one) => one.record)).toEqual([undefined, undefined]);
    await btm.undo();
    expect((await btm.list()).map((one) => one.record?.verified)).toEqual([undefined, verified, undefined]);
  });
}
