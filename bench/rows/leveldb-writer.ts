/**
 * A database under load, in a process of its own as a node is. Reads from standard input how many milliseconds to write
 * for, and answers with how many writes it made and their latencies.
 *
 * usage: leveldb-writer FOLDER
 */
import { createInterface } from "node:readline";

import { ClassicLevel } from "classic-level";

import { quantile } from "../lib/statistics.ts";

export interface WriterReport {
  readonly writes: number;
  readonly ms: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Few enough that the database is of one size throughout, and is compacted all the time. */
const KEYS = 50_000;
const VALUE_BYTES = 400;

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error("usage: leveldb-writer FOLDER");
const database = new ClassicLevel<string, Buffer>(folder, { valueEncoding: "buffer" });
await database.open();
let key = 0;
for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await write(Number(line))));
}
await database.close();

async function write(ms: number): Promise<WriterReport> {
  const latencies: number[] = [];
  const begin = performance.now();
  let last = begin;
  while (last - begin < ms) {
    key = (key * 48_271 + 11) % KEYS;
    await database.put(`key${String(key)}`, Buffer.alloc(VALUE_BYTES, key));
    const now = performance.now();
    latencies.push(now - last);
    last = now;
  }
  return {
    writes: latencies.length,
    ms: last - begin,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
  };
}
