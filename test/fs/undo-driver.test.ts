import { join } from "node:path";

import { afterAll, beforeAll, expect, it } from "vitest";

import { btrfsDriver } from "../../src/driver/btrfs/btrfs.ts";
import type { Goal, Volume } from "../../src/driver/driver.ts";
import type { Height } from "../../src/height.ts";
import { BtrfsImage } from "../support/btrfs-image.ts";
import { btrfsVolume, type TestVolume } from "../support/volumes.ts";

let image: BtrfsImage;
beforeAll(async () => {
  image = await BtrfsImage.make();
});
afterAll(() => image.dispose());

const deps = { onStep: () => undefined, now: () => new Date(), zfsCommand: undefined, commandTimeoutMs: undefined };
const choices = { discardNewer: false, discardForeign: false, keepUndo: 9, carries: false, signal: undefined };
const help = { force: false, carry: undefined };

async function using<T>(volume: TestVolume, work: (held: Volume) => Promise<T>): Promise<T> {
  const held = await btrfsDriver(deps).open(volume.volume);
  try {
    await held.lock(1000);
    await held.recover();
    return await work(held);
  } finally {
    held.close();
  }
}

it.each([false, true])("a life with many timelines, mounted: %j", async (isMounted) => {
  const volume = await btrfsVolume(image, `life-${String(isMounted)}`, { isMounted });
  const take = (height: number): Promise<boolean> => {
    volume.write("height", String(height));
    return using(volume, (held) => held.create(BigInt(height) as Height));
  };
  const list = async (): Promise<number[]> =>
    (await using(volume, (held) => held.snapshots())).map(({ height }) => Number(height));
  const points = (): Promise<string[]> =>
    using(volume, async (held) =>
      (await held.undoPoints()).map(
        ({ number, from, to, snapshots }) =>
          `${String(number)}: ${String(from)}->${String(to)} ${snapshots.map(({ height }) => String(height)).join()}`,
      ),
    );
  const go = (pick: (held: Volume) => Promise<Goal>): Promise<unknown> =>
    using(volume, async (held) => {
      const plan = await held.planRollback(await pick(held), choices);
      expect(plan.blockers).toEqual([]);
      return held.rollback(plan, help);
    });
  const back = (height: number): Promise<unknown> =>
    go(async (held) => {
      const snapshot = (await held.snapshots()).find((candidate) => Number(candidate.height) === height);
      if (snapshot === undefined) throw new Error(`no ${String(height)}`);
      return { kind: "snapshot", snapshot };
    });
  const undo = (number: number): Promise<unknown> =>
    go(async (held) => {
      const point = (await held.undoPoints()).find((candidate) => candidate.number === number);
      if (point === undefined) throw new Error(`no undo point ${String(number)}`);
      return { kind: "undo", point };
    });

  for (const height of [10, 20, 30, 40, 50]) await take(height);
  volume.write("height", "live 1");
  await back(30);
  expect(volume.read("height")).toBe("30");
  expect(await list()).toEqual([10, 20, 30]);
  for (const height of [40, 50]) await take(height);
  volume.write("height", "live 2");
  await back(10);
  expect(await list()).toEqual([10]);
  expect(await points()).toEqual(["1: 50->30 40,50", "2: 50->10 20,30,40,50"]);
  await take(20);
  volume.write("height", "live 3");

  await undo(1);
  expect(volume.read("height")).toBe("live 1");
  expect(await list()).toEqual([10, 20, 30, 40, 50]);
  expect(await points()).toEqual(["2: 50->30 40,50", "3: 20->10 20"]);
  await undo(3);
  expect(volume.read("height")).toBe("live 3");
  expect(await points()).toEqual(["2: 50->30 40,50", "4: 50->10 20,30,40,50"]);

  await using(volume, async (held) => held.drop(await held.planDrop((await held.undoPoints()).slice(-1))));
  expect(await points()).toEqual(["2: 50->10 20,30,40,50"]);
  await undo(2);
  expect(volume.read("height")).toBe("live 2");
  expect(await list()).toEqual([10, 20, 30, 40, 50]);
  const [first] = await using(volume, (held) => held.snapshots());
  expect(first).toMatchObject({ neededBy: ["undo point 3"] });
  const measured = await using(volume, (held) => held.undoPoints({ measure: true }));
  expect(measured[0]?.bytes).toBeTypeOf("bigint");

  const clone = await using(volume, async (held) => {
    const [snapshot] = await held.snapshots();
    if (snapshot === undefined) throw new Error("none");
    return held.openClone(snapshot, undefined);
  });
  expect(clone.path).toBe(join(`${volume.path}.btm`, "open-10"));
  await using(volume, (held) => held.closeClone(clone));
  expect(await using(volume, (held) => held.clones())).toEqual([]);
});
