import { readdirSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";

import { familyOf } from "../../../src/chain/families.ts";
import type { Block } from "../../../src/chain/family.ts";
import { Btm } from "../../../src/index.ts";
import type { BtrfsImage } from "../btrfs-image.ts";
import { DaemonProcess } from "../daemon-process.ts";
import { type NodeKind, RunningNode } from "./node.ts";

/** A node, and what the daemon does to it before a snapshot; undefined for what suits its family. */
export interface Case {
  readonly kind: NodeKind;
  readonly quiesce?: "none";
}

/** One snapshot, and where a node stands that is started from a copy of it. */
export interface Row {
  readonly height: bigint;
  readonly before: bigint;
  /** Undefined of a stopped node, which nobody could ask. */
  readonly after: bigint | undefined;
  readonly restored: bigint;
  /** Whether the live node has the same block there. */
  readonly isSameBlock: boolean;
}

export interface Outcome {
  /** What was really done. */
  readonly quiesce: string;
  /** Of snapshots that the daemon took while the node was at work. */
  readonly hot: readonly Row[];
  /** Of snapshots that were taken while the node was stopped cleanly. */
  readonly stopped: readonly Row[];
}

export const WANTED = 20;
const STOPS = 3;
/** Between two steps of the load: some fall into every snapshot. */
const STEP_MS = 20;

/** Has the daemon follow a node that is at work, and starts a node from each snapshot. Prints a row of docs/nodes.md. */
export async function followUnderLoad(image: BtrfsImage, { kind, quiesce }: Case): Promise<Outcome> {
  const name = quiesce === undefined ? kind.name : `${kind.name}-${quiesce}`;
  const folder = await image.makeSubvolume(name);
  const btm = new Btm({ volume: folder, cap: 1000 });
  let node = await RunningNode.start(kind, folder);
  try {
    let steps = 0;
    const step = async (): Promise<void> => {
      await kind.load?.(node.client, steps++);
      await sleep(STEP_MS);
    };
    const perSnapshot = await follow(image, name, node, quiesce, async () => {
      // One more than is wanted: what the node said after the last one may not be written down any more.
      while (snapshotsOf(image, name) <= WANTED) await step();
    });
    const downtimes: number[] = [];
    for (let i = 0; i < STOPS; i++) {
      const newest = (await btm.list()).at(-1)?.height ?? 0n;
      while ((await node.tip()).height <= newest) await step();
      const { height } = await node.tip();
      const begin = performance.now();
      await node.stop();
      await btm.snapshot(height, { force: true });
      node = await RunningNode.start(kind, folder, { isCopy: i === STOPS - 1 });
      downtimes.push(performance.now() - begin);
    }
    const hot: Row[] = [];
    const stopped: Row[] = [];
    const starts: number[] = [];
    let done = "";
    for (const { height, mark, record } of await btm.list()) {
      const { tip, ms } = await restoredFrom(kind, btm, height);
      starts.push(ms);
      const isSameBlock = tip.hash === (await familyOf(kind.family).hashAt?.(node.client, tip.height));
      const row = { height, restored: tip.height, isSameBlock };
      if (mark?.node === undefined) stopped.push({ ...row, before: height, after: undefined });
      else if (record?.after !== undefined) {
        hot.push({ ...row, before: BigInt(mark.node.before), after: BigInt(record.after.height) });
        done = mark.node.quiesce;
      }
    }
    const inside = hot.filter((row) => isInside(row)).length;
    const back = hot.map(({ before, restored }) => Number(before - restored)).sort((a, b) => a - b);
    const cells = [
      kind.name,
      done,
      `${inside} of ${hot.length}`,
      `${stopped.filter((row) => isInside(row)).length} of ${stopped.length}`,
      `${perSnapshot.toFixed(0)} ms`,
      `${(median(downtimes) / 1000).toFixed(1)} s`,
      `${(median(starts) / 1000).toFixed(1)} s`,
      `${hot[0]?.before ?? "?"} to ${hot.at(-1)?.after ?? "?"}`,
      `back by ${back.at(0) ?? "?"} to ${back.at(-1) ?? "?"}`,
    ];
    console.log(`| ${cells.join(" | ")} |`);
    return { quiesce: done, hot, stopped };
  } finally {
    await node.end("SIGKILL");
  }
}

/** Whether the node came back to where it had been while the snapshot was taken, on the same chain. */
export function isInside({ before, after, restored, isSameBlock }: Row, more = 0n): boolean {
  const isLater = after !== undefined && restored > after;
  // The block that it finishes by itself it may have proposed anew.
  return isLater ? restored <= after + more : isSameBlock && restored >= before;
}

/** @returns how long a snapshot took the daemon, in milliseconds on average, with all that it asked the node */
async function follow(
  image: BtrfsImage,
  name: string,
  node: RunningNode,
  quiesce: Case["quiesce"],
  work: () => Promise<void>,
): Promise<number> {
  const socket = join(image.folder, `${name}.sock`);
  const config = join(image.folder, `${name}.toml`);
  const keys = [
    `volume = "${join(image.top, name)}"\nitv = 1\ncap = 1000\nfollow = "${node.url}"\nwhile_syncing = "take"`,
    ...(node.cookie === undefined ? [] : [`cookie = "${node.cookie}"`]),
    ...(quiesce === undefined ? [] : [`quiesce = "${quiesce}"`]),
  ];
  writeFileSync(config, `socket = "${socket}"\n[volumes.node]\n${keys.join("\n")}\n`);
  await using daemon = await DaemonProcess.start(["--config", config]);
  await work();
  const seconds = /^btm_snapshot_seconds_total\S* (\S+)$/m.exec(await metricsOf(socket))?.[1];
  const taken = snapshotsOf(image, name);
  await daemon.end();
  return (Number(seconds) * 1000) / taken;
}

function snapshotsOf(image: BtrfsImage, name: string): number {
  return readdirSync(image.top).filter((entry) => entry.startsWith(`${name}@`)).length;
}

async function metricsOf(socketPath: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const asking = request({ socketPath, path: "/metrics", agent: false }, (answer) => {
    text(answer).then(resolve, reject);
  });
  asking.on("error", reject).end();
  return promise;
}

async function restoredFrom(
  kind: NodeKind,
  btm: Btm,
  height: bigint,
): Promise<{ readonly tip: Block; readonly ms: number }> {
  const { path = "" } = await btm.open(height);
  const begin = performance.now();
  let tip: Block;
  let ms: number;
  {
    await using node = await RunningNode.start(kind, path, { isCopy: true });
    ms = performance.now() - begin;
    tip = await node.tip();
  }
  await btm.close(height);
  return { tip, ms };
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}
