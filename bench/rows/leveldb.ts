import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { Btm } from "../../src/index.ts";
import { Helper } from "../lib/helper.ts";
import { withImage } from "../lib/image.ts";
import { interleave } from "../lib/interleave.ts";
import { figure, type Row } from "../lib/row.ts";
import type { WriterReport } from "./leveldb-writer.ts";

const WINDOW_MS = 2000;
const WINDOWS = 15;
const EVERY_MS = 50;
const WRITER = fileURLToPath(new URL("leveldb-writer.ts", import.meta.url));

export const leveldb: Row = {
  name: "leveldb",
  title: "A LevelDB writer while snapshots are taken",
  run: () =>
    withImage(async (image) => {
      const writer = new Helper(process.execPath, WRITER, `${image.volume}/database`);
      const btm = new Btm({ volume: image.volume, itv: 1, cap: 100 });
      const p99: Record<"with" | "without", number[]> = { with: [], without: [] };
      let height = 0;
      const window = async (name: "with" | "without"): Promise<number> => {
        const report = JSON.parse(await writer.ask(String(WINDOW_MS))) as WriterReport;
        p99[name].push(report.p99Ms);
        return (report.writes / report.ms) * 1000;
      };
      // As many snapshots as in the steady state, and a database that has been compacted.
      for (; height < 100; height++) await btm.snapshot(height);
      await writer.ask(String(2 * WINDOW_MS));
      let taken = 0;
      const samples = await interleave(WINDOWS, {
        without: () => window("without"),
        with: async () => {
          const end = new AbortController();
          const snapshots = (async () => {
            while (!end.signal.aborted) {
              const next = setTimeout(EVERY_MS);
              if ((await btm.snapshot(height++)).taken) taken++;
              await next;
            }
          })();
          const perSecond = await window("with");
          end.abort();
          await snapshots;
          return perSecond;
        },
      });
      await writer.close();
      const rate = (taken / ((WINDOWS * WINDOW_MS) / 1000)).toFixed(0);
      return [
        {
          what: "writes of a LevelDB with a snapshot every 50 ms",
          unit: "writes/s",
          ours: figure(samples.with),
          baseline: figure(samples.without),
          against: "none",
          target: { kind: "at-least", value: 0.9 },
          note: `${rate} snapshots a second`,
        },
        {
          what: "its p99 write latency",
          unit: "ms",
          ours: figure(p99.with),
          baseline: figure(p99.without),
          against: "none",
        },
      ];
    }),
};
