import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";

import { Btm, type BtmOptions } from "../../src/index.ts";
import { CountingZfs } from "../support/counting-zfs.ts";
import { makeSnapshots } from "../support/many-snapshots.ts";
import { inMemory } from "../support/memory-disk.ts";
import { ZfsPool } from "../support/zfs-pool.ts";

let pool: ZfsPool;
let zfs: CountingZfs;
let made = 0;
let volume: string;
beforeAll(async () => {
  pool = await ZfsPool.make(inMemory);
  zfs = await CountingZfs.make(pool.folder);
});
afterAll(() => pool.dispose());
beforeEach(async () => {
  const name = `v${String(made++)}`;
  volume = (await pool.makeDataset(name, name)).dataset;
});

function btmOf(options: Partial<BtmOptions> = {}): Btm {
  return new Btm({ volume, itv: 10, cap: 1000, ...options }, { zfsCommand: zfs.command });
}

/** How many commands of which kind a call takes. */
async function callsOf<T>(call: Promise<T>): Promise<readonly [string[], T]> {
  const result = await call;
  return [zfs.calls(), result];
}

function upTo(end: number): number[] {
  return Array.from({ length: end }, (_, i) => i);
}

it("a snapshot takes one command when it is due and the list is known, and none when it is not due", async () => {
  const btm = btmOf();
  const [first] = await callsOf(btm.snapshot(0));
  expect(first).toEqual(["list", "snapshot"]);
  const [notDue, { reason }] = await callsOf(btm.snapshot(9));
  expect([notDue, reason]).toEqual([[], "not-due"]);
  const [due, { taken }] = await callsOf(btm.snapshot(10));
  expect([due, taken]).toEqual([["snapshot"], true]);
  const [list, { length }] = await callsOf(btm.list());
  expect([list, length]).toEqual([["list"], 2]);
});

it("at the cap a snapshot takes three: those that go are looked at before they are destroyed", async () => {
  await makeSnapshots(volume, [0, 10, 20]);
  const btm = btmOf({ cap: 3 });
  await callsOf(btm.snapshot(30));
  for (const height of [40, 50]) {
    const [calls, { pruned }] = await callsOf(btm.snapshot(height));
    expect([calls, pruned.length]).toEqual([["snapshot", "list", "destroy"], 1]);
  }
  const [, { length }] = await callsOf(btm.list());
  expect(length).toBe(3);
});

it("thinning and clean take two commands each, however many go", async () => {
  await makeSnapshots(volume, upTo(500));
  const btm = btmOf({ cap: 251 });
  const [thinning, { pruned }] = await callsOf(btm.snapshot(500));
  // The snapshot of a list that is not known takes two of its own.
  expect([thinning, pruned.length]).toEqual([["list", "snapshot", "list", "destroy"], 250]);
  const [clean, { removed, failed }] = await callsOf(btm.clean());
  expect([clean, removed.length, failed]).toEqual([["list", "destroy"], 251, []]);
});

it("a rollback takes the same number of commands, however many newer snapshots it destroys", async () => {
  await makeSnapshots(volume, upTo(304));
  const btm = btmOf();
  const commands = ["list", "get", "list", "list", "get", "program", "program", "mount", "inherit"];
  const [three, { destroyed }] = await callsOf(btm.rollback(300, { discardNewer: true }));
  expect([three, destroyed.length]).toEqual([commands, 3]);
  const [plan, { destroyed: planned }] = await callsOf(btm.rollback(0, { discardNewer: true, dryRun: true }));
  expect([plan, planned.length]).toEqual([["list", "list", "get", "list"], 300]);
  const [threeHundred, { destroyed: all }] = await callsOf(btm.rollback(0, { discardNewer: true }));
  expect([threeHundred, all.length]).toEqual([commands, 300]);
});
