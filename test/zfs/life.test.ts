import { afterAll, beforeAll, expect, it } from "vitest";

import { Btm } from "../../src/index.ts";
import { ZfsPool } from "../support/zfs-pool.ts";
import { zfsVolume } from "../support/zfs-volumes.ts";

let pool: ZfsPool;
beforeAll(async () => {
  pool = await ZfsPool.make();
});
afterAll(() => pool.dispose());

it("a life with many timelines", async () => {
  const { dataset, mountPoint } = await pool.makeDataset("life", "life");
  const volume = zfsVolume(dataset, mountPoint, "name");
  const steps: string[] = [];
  const btm = new Btm(
    { volume: volume.volume, itv: 10 },
    {
      onStep: (step, when) => {
        if (when === "after") steps.push(step);
      },
    },
  );
  const list = async (): Promise<number[]> => (await btm.list()).map(({ height }) => Number(height));
  const points = async (): Promise<string[]> =>
    (await btm.undoPoints()).map(
      ({ number, from, to, snapshots }) =>
        `${String(number)}: ${String(from)}->${String(to)} ${snapshots.map(({ height }) => String(height)).join()}`,
    );
  const take = async (...heights: number[]): Promise<void> => {
    for (const height of heights) {
      volume.write("height", String(height));
      expect(await btm.snapshot(height, { force: true })).toMatchObject({ taken: true });
    }
  };
  await take(10, 20, 30, 40, 50);
  volume.write("height", "live 1");
  await btm.rollback(30, { keepUndo: 9 });
  console.log(steps.splice(0).join(", "));
  expect(volume.read("height")).toBe("30");
  expect(await list()).toEqual([10, 20, 30]);
  expect((await btm.list()).every(({ mark }) => mark !== undefined)).toBe(true);
  await take(40, 50);
  volume.write("height", "live 2");
  await btm.rollback(10, { keepUndo: 9 });
  expect(await list()).toEqual([10]);
  expect(await points()).toEqual(["1: 50->30 40,50", "2: 50->10 20,30,40,50"]);
  await take(20);
  volume.write("height", "live 3");
  await btm.undo(1, { keepUndo: 9 });
  console.log(steps.splice(0).join(", "));
  expect(volume.read("height")).toBe("live 1");
  expect(await list()).toEqual([10, 20, 30, 40, 50]);
  expect(await points()).toEqual(["2: 50->30 40,50", "3: 20->10 20"]);
  await btm.undo(3, { keepUndo: 9 });
  expect(volume.read("height")).toBe("live 3");
  expect(await points()).toEqual(["2: 50->30 40,50", "4: 50->10 20,30,40,50"]);
  await btm.dropUndo(4);
  expect(await points()).toEqual(["2: 50->10 20,30,40,50"]);
  await btm.undo(2, { keepUndo: 9 });
  expect(volume.read("height")).toBe("live 2");
  expect(await list()).toEqual([10, 20, 30, 40, 50]);
  const clone = await btm.open(10);
  expect(clone.path).toBeTypeOf("string");
  await btm.close(10);
  expect(await btm.clones()).toEqual([]);
});
