import { open } from "node:fs/promises";

import { CountingZfs } from "../../test/support/counting-zfs.ts";
import { makeSnapshots } from "../../test/support/many-snapshots.ts";
import type { ZfsPool } from "../../test/support/zfs-pool.ts";
import { Btm } from "../../src/index.ts";
import { figure, type Line } from "../lib/row.ts";
import { StepClock } from "../lib/step-clock.ts";

const NEWER = 1000;
const SIZES_MB = [64, 640] as const;
const ROUNDS = 3;

/** A rollback past 1,000 snapshots, over a small and a larger volume: neither time nor commands may grow with the data. */
export async function measureRollback(pool: ZfsPool): Promise<Line[]> {
  const lines: Line[] = [];
  for (const sizeMB of SIZES_MB) {
    const { dataset, mountPoint } = await pool.makeDataset(`rollback-${String(sizeMB)}`, `rollback-${String(sizeMB)}`);
    await fill(mountPoint, sizeMB);
    const [switches, wholes, commands]: [number[], number[], number[]] = [[], [], []];
    for (let round = 0; round < ROUNDS; round++) {
      await makeSnapshots(
        dataset,
        Array.from({ length: NEWER + 1 }, (_, height) => height),
      );
      const zfs = await CountingZfs.make(pool.folder);
      const clock = new StepClock();
      const btm = new Btm({ volume: dataset }, { zfsCommand: zfs.command, onStep: clock.onStep });
      const start = performance.now();
      await btm.rollback(0);
      wholes.push(performance.now() - start);
      switches.push(clock.between("before unmount", "after mount"));
      commands.push(zfs.calls().length);
      await btm.dropUndo("all");
      await btm.clean();
    }
    const what = `rollback of ${String(sizeMB)} MB, ${String(NEWER)} newer snapshots`;
    lines.push(
      {
        what: `${what}: from before the unmounting until it is mounted`,
        unit: "ms",
        ours: figure(switches),
        target: { kind: "at-most", value: 3000 },
      },
      { what: `${what}: the whole call`, unit: "ms", ours: figure(wholes) },
      { what: `${what}: zfs commands`, unit: "processes", ours: figure(commands) },
    );
  }
  return lines;
}

async function fill(folder: string, sizeMB: number): Promise<void> {
  const block = Buffer.allocUnsafe(1024 * 1024);
  const file = await open(`${folder}/data`, "w");
  for (let at = 0; at < sizeMB; at++) {
    block.writeDoubleLE(Math.random());
    await file.write(block);
  }
  await file.close();
}
