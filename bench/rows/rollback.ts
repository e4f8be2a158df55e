import { open } from "node:fs/promises";

import { Btm } from "../../src/index.ts";
import { settle, withImage, type Image } from "../lib/image.ts";
import { interleave } from "../lib/interleave.ts";
import { figure, type Line, type Row } from "../lib/row.ts";
import { takeSnapshots } from "../lib/snapshots.ts";
import { StepClock } from "../lib/step-clock.ts";

const NEWER = 1000;
const ROUNDS = 5;
const SIZES_GB = [1, 10] as const;

/** A rollback past 1,000 snapshots, over a small and a large volume: it must not grow with the data. */
export const rollback: Row = {
  name: "rollback",
  title: "Rolling back past 1,000 snapshots, 1 GB and 10 GB of data",
  run: async () => {
    const lines: Line[] = [];
    for (const sizeGB of SIZES_GB) lines.push(...(await measureSize(sizeGB)));
    return lines;
  },
};

function measureSize(sizeGB: number): Promise<Line[]> {
  return withImage(
    async (image) => {
      await fill(image, sizeGB);
      const whole: number[] = [];
      const samples = await interleave(ROUNDS, {
        exchange: async () => {
          await takeSnapshots(image, 0, NEWER + 1);
          await settle(image);
          const clock = new StepClock();
          const btm = new Btm({ volume: image.volume }, { onStep: clock.onStep });
          const start = performance.now();
          const { moved } = await btm.rollback(0);
          whole.push(performance.now() - start);
          if (moved.length !== NEWER) throw new Error(`${String(moved.length)} snapshots were moved`);
          await btm.dropUndo("all");
          await btm.clean();
          await settle(image);
          return clock.between("before exchange", "after clear journal");
        },
      });
      const what = `of ${String(sizeGB)} GB, ${String(NEWER)} newer snapshots`;
      return [
        {
          what: `rollback ${what}: from before the exchange until all is in place`,
          unit: "ms",
          ours: figure(samples.exchange),
          target: { kind: "at-most", value: 1000 },
        },
        { what: `rollback ${what}: the whole call`, unit: "ms", ours: figure(whole) },
      ];
    },
    (sizeGB + 6) * 1024 ** 3,
  );
}

/** Data that does not compress and shares nothing, in files as large as those of a database. */
async function fill({ volume }: Image, sizeGB: number): Promise<void> {
  const block = Buffer.allocUnsafe(64 * 1024 * 1024);
  for (let at = 0; at < sizeGB * 16; at++) {
    const file = await open(`${volume}/data-${String(at)}`, "w");
    block.writeDoubleLE(Math.random());
    await file.write(block);
    await file.close();
  }
}
