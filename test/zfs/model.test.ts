import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";

import { lifeOf, live } from "../model/random-life.ts";
import { ZfsPool } from "../support/zfs-pool.ts";
import { zfsVolume } from "../support/zfs-volumes.ts";

let pool: ZfsPool;
let made = 0;
beforeAll(async () => {
  pool = await ZfsPool.make();
});
afterAll(() => pool.dispose());

it("is what a model of it says, whatever is done to it in 50 steps", { timeout: 1_200_000 }, async () => {
  const property = fc.asyncProperty(lifeOf(50), async (deeds) => {
    const name = `model${String(made++)}`;
    const { dataset, mountPoint } = await pool.makeDataset(name, name);
    const done = await live(zfsVolume(dataset, mountPoint, "name"), deeds, { clonesNeedTheirSnapshot: true });
    expect(done.size, "every kind of deed was done").toBe(11);
  });
  // A smaller example of a failure would take hours to find: the seed is printed, and gives the same life again.
  await fc.assert(property, { numRuns: process.env["BTM_TEST_LONG"] === undefined ? 1 : 5, endOnFailure: true });
});
