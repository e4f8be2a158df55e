/** What a guest does to its pool and volume without btm. */
import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, openSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";

import { run } from "../support/run.ts";
import { FILES } from "./events.ts";
import { BLOCK, type Content, contentOf, hashOf, LOG, NEW_BLOCK } from "./log.ts";

const POOL = "btm-cut";
export const DATASET = `${POOL}/data`;
const BLOCK_BYTES = 128 * 1024;

/** The dataset, as zfs tells of it. */
export interface Rows {
  readonly heights: readonly number[];
  readonly unmarked: readonly number[];
  readonly hasJournal: boolean;
}

export async function makePool(folder: string): Promise<void> {
  const [image, volume] = [join(folder, FILES.image), join(folder, FILES.volume)];
  await run("truncate", ["-s", "256M", image]);
  await run("zpool", ["create", "-o", "cachefile=none", "-O", "mountpoint=none", POOL, image]);
  await run("zfs", ["create", "-o", `mountpoint=${volume}`, DATASET]);
  writeOut(join(volume, BLOCK), randomBytes(BLOCK_BYTES));
  writeOut(join(volume, LOG), "");
}

/** @returns what zpool status says after a scrub */
export async function findPool(folder: string): Promise<string> {
  await run("zpool", ["import", "-f", "-o", "cachefile=none", "-d", folder, POOL]);
  await run("zpool", ["scrub", "-w", POOL]);
  return run("zpool", ["status", POOL]);
}

export async function rowsOf(): Promise<Rows> {
  const args = ["list", "-Hp", "-d", "1", "-t", "filesystem,snapshot", "-o", "name,btm:mark,btm:rollback", DATASET];
  const lines = (await run("zfs", args)).trimEnd().split("\n");
  const [own, ...rows] = lines.map((line) => line.split("\t"));
  const heightOf = ([name = ""]: string[]): number => Number(name.slice(name.indexOf("@") + 1));
  return {
    heights: rows.map(heightOf),
    unmarked: rows.filter(([, mark]) => mark === "-").map(heightOf),
    hasJournal: own?.[2] !== "-",
  };
}

export function contentAt(volume: string, height: number): Content {
  return contentOf(join(volume, ".zfs/snapshot", String(height)));
}

export function contentsAt(volume: string, heights: readonly number[]): Record<string, Content> {
  return Object.fromEntries(heights.map((height) => [String(height), contentAt(volume, height)]));
}

/** Replaces the block in one step, which is written out. @param before told of the hash before that */
export function renewBlock(volume: string, before: (block: string) => void): string {
  const data = randomBytes(BLOCK_BYTES);
  writeOut(join(volume, NEW_BLOCK), data);
  const block = hashOf(data);
  before(block);
  renameSync(join(volume, NEW_BLOCK), join(volume, BLOCK));
  const fd = openSync(volume, "r");
  fsyncSync(fd);
  closeSync(fd);
  return block;
}

export function writeOut(file: string, data: string | Buffer): void {
  const fd = openSync(file, "w");
  writeSync(fd, Buffer.from(data as string));
  fsyncSync(fd);
  closeSync(fd);
}
