import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Where a log ends. The hash is one of all records up to there, so two logs that end alike are alike. */
export interface LogEnd {
  readonly serial: number;
  readonly hash: string;
}

/** What a volume holds. */
export interface Content {
  readonly log: LogEnd;
  /** The hash of a file that is replaced from time to time. */
  readonly block: string;
}

export const LOG = "log";
export const BLOCK = "block";
/** What will be the block, and may be half written. */
export const NEW_BLOCK = "block.new";

const START: LogEnd = { serial: 0, hash: "" };
/** Divides every recordsize, so that a record is written in one transaction. */
const RECORD_BYTES = 64;

/** Where a log ends once it has a further record. */
export function extended(end: LogEnd, serial: number): LogEnd {
  return { serial, hash: hashOf(`${end.hash} ${String(serial)}`).slice(0, 48) };
}

export function recordOf({ serial, hash }: LogEnd): string {
  return `${String(serial).padStart(RECORD_BYTES - 50)} ${hash}\n`;
}

export function hashOf(data: string | Buffer): string {
  return createHash("sha256").update(data).digest("hex");
}

/** Reads all of a log; throws where it is not as it was written. */
export function endOf(log: string): LogEnd {
  let end = START;
  for (let at = 0; at < log.length; at += RECORD_BYTES) {
    const record = log.slice(at, at + RECORD_BYTES);
    const next = extended(end, Number(record.slice(0, RECORD_BYTES - 50)));
    if (record !== recordOf(next)) throw new Error(`The record at ${String(at)} is ${JSON.stringify(record)}`);
    end = next;
  }
  return end;
}

/** What a volume or a snapshot of it holds; throws when anything is broken or missing. */
export function contentOf(folder: string): Content {
  const names = readdirSync(folder).filter((name) => name !== NEW_BLOCK);
  if (names.sort().join() !== [BLOCK, LOG].join()) throw new Error(`${folder} holds ${names.join()}`);
  return { log: endOf(readFileSync(join(folder, LOG), "utf8")), block: hashOf(readFileSync(join(folder, BLOCK))) };
}
