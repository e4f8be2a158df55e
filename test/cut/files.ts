/** What a guest does to its files without btm. */
import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, openSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";

import { BLOCK, hashOf, LOG, NEW_BLOCK } from "./log.ts";

const BLOCK_BYTES = 128 * 1024;

/** What a volume holds at first. */
export function fill(volume: string): void {
  writeOut(join(volume, BLOCK), randomBytes(BLOCK_BYTES));
  writeOut(join(volume, LOG), "");
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
