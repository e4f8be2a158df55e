import { CountingZfs } from "../../test/support/counting-zfs.ts";
import { makeSnapshots } from "../../test/support/many-snapshots.ts";
import type { ZfsPool } from "../../test/support/zfs-pool.ts";
import { Btm } from "../../src/index.ts";
import { interleave, timed } from "../lib/interleave.ts";
import { measure } from "../lib/measure.ts";
import { figure, type Line } from "../lib/row.ts";
import type { ZfsTools } from "./measure-zfs.ts";

const EXISTING = 1000;
const ROUNDS = 3;
/** How many the original's way destroys in each round; it takes as long for each, so the rest is reckoned. */
const SINGLE = 100;

export async function measureClean(tools: ZfsTools, pool: ZfsPool): Promise<Line[]> {
  const { dataset } = await pool.makeDataset("clean", "clean");
  const single = await pool.makeDataset("single", "single");
  const heights = Array.from({ length: EXISTING }, (_, i) => i);
  const mustBeClean = async (): Promise<void> => {
    const left = (await new Btm({ volume: dataset }).list()).length;
    if (left !== 0) throw new Error(`${String(left)} snapshots are left`);
  };
  await makeSnapshots(single.dataset, heights);
  const samples = await interleave(ROUNDS, {
    library: async () => {
      await makeSnapshots(dataset, heights);
      const ms = await timed(() => new Btm({ volume: dataset }).clean());
      await mustBeClean();
      return ms;
    },
    executable: async () => {
      await makeSnapshots(dataset, heights);
      const { ms } = await measure(tools, tools.executable, "clean", "-y", "-p", dataset);
      await mustBeClean();
      return ms;
    },
    original: async (round) => {
      const each = 'dataset=$1; shift; for height; do sh -c "zfs destroy $dataset@$height" || exit 1; done';
      const doomed = heights.slice(round * SINGLE, (round + 1) * SINGLE).map(String);
      const { ms } = await measure(tools, "sh", "-c", each, "sh", single.dataset, ...doomed);
      return (ms / SINGLE) * EXISTING;
    },
  });
  return [
    await countProcesses(dataset, pool, heights),
    ...(["library", "executable"] as const).map((name): Line => ({
      what: name === "library" ? "library clean() of 1,000" : "btm clean of 1,000",
      unit: "ms",
      ours: figure(samples[name]),
      baseline: figure(samples.original),
      against: "one zfs destroy for each, by sh -c",
      note: `${String(SINGLE)} measured, times ${String(EXISTING / SINGLE)}`,
      target: { kind: "at-most", value: 0.1 },
    })),
  ];
}

async function countProcesses(dataset: string, pool: ZfsPool, heights: readonly number[]): Promise<Line> {
  const zfs = await CountingZfs.make(pool.folder);
  await makeSnapshots(dataset, heights);
  await new Btm({ volume: dataset }, { zfsCommand: zfs.command }).clean();
  const calls = zfs.calls();
  return {
    what: "processes of clean() of 1,000 that destroy",
    unit: "processes",
    ours: figure([calls.filter((call) => call === "destroy").length]),
    target: { kind: "at-most", value: 1 },
    note: `in all ${String(calls.length)}: ${calls.join(", ")}; the original has 1,000 that destroy`,
  };
}
