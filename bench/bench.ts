/**
 * Measures btm against the bare tools and the original, and prints the table of README.md.
 *
 * usage: node bench/bench.ts [--row NAME]... [--json] [--zfs 21|23]
 */
import { cpus, loadavg, release, totalmem } from "node:os";
import { parseArgs } from "node:util";

import { removeImages } from "./lib/image.ts";
import { isReached, type Line, ratioOf, type Row } from "./lib/row.ts";
import { table } from "./lib/table.ts";
import { prepareTools } from "./lib/tools.ts";
import { clean } from "./rows/clean.ts";
import { daemon } from "./rows/daemon.ts";
import { leveldb } from "./rows/leveldb.ts";
import { list } from "./rows/list.ts";
import { memory } from "./rows/memory.ts";
import { retention } from "./rows/retention.ts";
import { rollback } from "./rows/rollback.ts";
import { snapshotAgainstIoctl } from "./rows/snapshot-ioctl.ts";
import { snapshotAgainstOriginal } from "./rows/snapshot-original.ts";
import { start } from "./rows/start.ts";
import { zfsRow } from "./rows/zfs.ts";

const { values } = parseArgs({
  options: {
    row: { type: "string", multiple: true, default: [] },
    json: { type: "boolean", default: false },
    zfs: { type: "string", default: "21" },
  },
});
const ROWS: readonly Row[] = [
  snapshotAgainstIoctl,
  snapshotAgainstOriginal,
  list,
  clean,
  rollback,
  start,
  retention,
  memory,
  leveldb,
  daemon,
  zfsRow(values.zfs),
];

process.on("exit", removeImages);
for (const [signal, status] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const) {
  process.on(signal, () => process.exit(status));
}

const unknown = values.row.find((name) => !ROWS.some((row) => row.name === name));
if (unknown !== undefined) {
  throw new Error(`Unknown row "${unknown}": expected one of ${ROWS.map((row) => row.name).join(", ")}`);
}
const log = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

const tools = await prepareTools(log);
const load: number[] = [];
const lines: Line[] = [];
for (const row of ROWS.filter(({ name }) => values.row.length === 0 || values.row.includes(name))) {
  log(`${row.title} ...`);
  const measured = await row.run(tools);
  load.push(loadavg()[0] ?? 0);
  lines.push(...measured);
  if (!values.json) log(table(measured));
}
const machine = {
  cpu: cpus()[0]?.model.trim() ?? "unknown",
  cores: cpus().length,
  memoryGB: Math.round(totalmem() / 1e9),
  kernel: release(),
  node: process.version,
  load: { min: Math.min(...load), max: Math.max(...load) },
};
if (values.json) {
  const rows = lines.map((line) => ({ ...line, ratio: ratioOf(line), reached: isReached(line) }));
  console.log(JSON.stringify({ machine, lines: rows }, null, 2));
} else {
  const { cpu, cores, memoryGB, kernel, node } = machine;
  console.log(table(lines));
  console.log(
    `\n${cpu}, ${String(cores)} cores, ${String(memoryGB)} GB, Linux ${kernel}, Node ${node}; load ${machine.load.min.toFixed(1)} to ${machine.load.max.toFixed(1)}`,
  );
}
