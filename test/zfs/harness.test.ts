import { existsSync } from "node:fs";

import { expect, it } from "vitest";

import { Fixture } from "../support/fixture.ts";
import type { PoolMaker } from "../support/fixtures/pool-maker.ts";
import { mountsBelow } from "../support/sweep.ts";
import { isImported } from "../support/take-down-pool.ts";
import { ZfsPool } from "../support/zfs-pool.ts";

// As on a machine with a ZFS of its own, also in a guest of the lab.
const onMachine = { through: ["env", "--unset=BTM_ZFS_FOLDER"] };

async function expectGone({ name, folder }: PoolMaker): Promise<void> {
  const left = async (): Promise<unknown[]> => [isImported(name), existsSync(folder), await mountsBelow(folder)];
  await expect.poll(left, { timeout: 60_000, interval: 50 }).toEqual([false, false, []]);
}

it("a test that ends leaves no pool, mount or folder behind", async () => {
  const pool = await ZfsPool.make({ sizeMiB: 64 });
  await pool.makeDataset("data", "data");
  expect([isImported(pool.name), existsSync(pool.folder)]).toEqual([true, true]);
  expect(await mountsBelow(pool.folder)).toHaveLength(1);
  await pool.dispose();
  await expectGone(pool);
});

it.each(["SIGKILL", "SIGTERM"] as const)("a test that is ended by %s leaves nothing behind", async (signal) => {
  const maker = new Fixture("pool-maker", {}, onMachine);
  const made = (await maker.next()) as PoolMaker;
  expect([isImported(made.name), (await mountsBelow(made.folder)).length]).toEqual([true, 2]);
  maker.child.kill(signal);
  await maker.ended();
  await expectGone(made);
});

it("a test that is killed while it makes the pool leaves nothing behind", async () => {
  const maker = new Fixture("pool-maker", { killAfterMs: 60 }, onMachine);
  const made = (await maker.next()) as PoolMaker;
  await maker.ended();
  await expectGone(made);
});
