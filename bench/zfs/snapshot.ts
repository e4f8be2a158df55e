import { writeFile } from "node:fs/promises";

import { makeSnapshots } from "../../test/support/many-snapshots.ts";
import type { ZfsPool } from "../../test/support/zfs-pool.ts";
import { Btm } from "../../src/index.ts";
import { interleave, timed } from "../lib/interleave.ts";
import { measure } from "../lib/measure.ts";
import { listOfOriginalOnZfs } from "../lib/original.ts";
import { figure, type Line } from "../lib/row.ts";
import { run } from "../lib/run.ts";
import type { ZfsTools } from "./measure-zfs.ts";

const EXISTING = 100;
const ROUNDS = 21;
const WARM_UP = 5;

interface Dataset {
  readonly dataset: string;
  readonly mountPoint: string;
}

export async function measureSnapshot(tools: ZfsTools, pool: ZfsPool): Promise<Line[]> {
  const existing = Array.from({ length: EXISTING }, (_, i) => i);
  const make = async (name: string): Promise<Dataset> => {
    const made = await pool.makeDataset(name, name);
    await makeSnapshots(made.dataset, existing);
    return made;
  };
  const [grow, bare, steady, original] = [
    await make("grow"),
    await make("bare"),
    await make("steady"),
    await make("original"),
  ];
  /** All begin with a pool that is written out, and with one new file in the volume. */
  const prepare = async ({ mountPoint }: Dataset): Promise<void> => {
    await run("zpool", "sync", pool.name);
    await writeFile(`${mountPoint}/block`, Buffer.alloc(16_384, Math.random().toString()));
  };
  const growing = new Btm({ volume: grow.dataset, itv: 1, cap: 65_536 });
  const thinning = new Btm({ volume: steady.dataset, itv: 1, cap: EXISTING });
  const take = async (btm: Btm, height: number, pruned: number): Promise<void> => {
    const result = await btm.snapshot(height);
    if (!result.taken || result.pruned.length !== pruned) throw new Error("snapshot() did not do what is measured");
  };
  const samples = await interleave(WARM_UP + ROUNDS, {
    grow: async (round) => {
      await prepare(grow);
      return timed(() => take(growing, EXISTING + round, 0));
    },
    bare: async (round) => {
      await prepare(bare);
      const height = String(EXISTING + round);
      const mark = JSON.stringify({ btm: 1, height, volume: "bare", origin: "12345678901234567890" });
      return (await measure(tools, "zfs", "snapshot", "-o", `btm:mark=${mark}`, `${bare.dataset}@${height}`)).ms;
    },
    steady: async (round) => {
      await prepare(steady);
      return timed(() => take(thinning, EXISTING + round, 1));
    },
    original: async (round) => {
      await prepare(original);
      return (await measure(tools, "sh", "-c", originalWay(original.dataset, EXISTING + round))).ms;
    },
  });
  const measured = (name: keyof typeof samples): Line["ours"] => figure(samples[name].slice(WARM_UP));
  return [
    {
      what: "snapshot() due, 100 existing, the list known",
      unit: "ms",
      ours: measured("grow"),
      baseline: measured("bare"),
      against: "zfs snapshot -o",
      target: { kind: "at-most", value: 1.2 },
    },
    {
      what: "snapshot() in the steady state, 100 existing, one thinned out",
      unit: "ms",
      ours: measured("steady"),
      baseline: measured("original"),
      against: "the original's way",
    },
  ];
}

/** What release 2 of the original does for a snapshot when its cap is reached. */
function originalWay(dataset: string, height: number): string {
  const list = `sh -c "${listOfOriginalOnZfs(dataset).replaceAll("\\", "\\\\")}" >/dev/null`;
  const destroy = `sh -c "zfs destroy ${dataset}@${String(height - EXISTING)}"`;
  const take = `sh -c "zfs destroy ${dataset}@${String(height)} 2>/dev/null; zfs snapshot ${dataset}@${String(height)}"`;
  return ["sync", list, list, destroy, take].join(" && ");
}
