import { beforeAll, expect, it } from "vitest";

import { Btm, type RollbackOptions } from "../../src/index.ts";
import { btmOf, grow } from "../contract/helpers.ts";
import { failureOf } from "../support/expect-code.ts";
import { type Dataset, stateOf, zfs, zfsSuite } from "../support/zfs-suite.ts";

const suite = zfsSuite();
let volume: Dataset;
beforeAll(async () => {
  volume = await suite.fresh();
  await grow(btmOf(volume), volume, [0, 10, 20, 30]);
});

const snapshot = (name: number | string): string => `${volume.dataset}@${String(name)}`;

/** Makes one that btm takes for its own in the place of another. */
async function replace(height: number): Promise<void> {
  await zfs("destroy", snapshot(height));
  await new Btm({ volume: volume.dataset }).snapshot(height, { force: true });
}

it("while a person thought, something came in the way: it is named, and nothing is done", async () => {
  const confirm = async (): Promise<boolean> => {
    await zfs("snapshot", snapshot("in the way"));
    return true;
  };
  const { message } = await failureOf(btmOf(volume).rollback(20, { discardNewer: true, confirm }), "BLOCKED");
  expect(message).toContain(snapshot("in the way"));
  expect(volume.read("height")).toBe("30");
  await zfs("destroy", snapshot("in the way"));
});

// Each goes on where the one before has left the volume, which is as the other hand has left it.
it.each<[string, number, () => Promise<unknown>, RollbackOptions?]>([
  ["one that would be destroyed is gone", 10, () => zfs("destroy", snapshot(30))],
  ["one that would be destroyed is another now", 10, () => replace(20)],
  ["the target is gone, and another would be the nearest below", 10, () => zfs("destroy", snapshot(10))],
  ["the target is another now", 0, () => replace(0)],
  ["there is one more of others", 20, () => zfs("snapshot", snapshot("by hand")), { discardForeign: true }],
  ["there is a bookmark", 20, () => zfs("bookmark", snapshot(0), `${volume.dataset}#b`), { discardForeign: true }],
])("while a person thought, %s: nothing is done", async (_, height, change, options) => {
  let after: readonly string[] = [];
  const confirm = async (): Promise<boolean> => {
    await change();
    after = stateOf(volume);
    return true;
  };
  await failureOf(btmOf(volume).rollback(height, { discardNewer: true, ...options, confirm }), "PLAN_CHANGED");
  expect(stateOf(volume)).toEqual(after);
});
