import * as v from "valibot";

import { getAttribute, removeAttribute, setAttribute } from "../../sys/libc.ts";
import { parseStored } from "../../stored.ts";
import type { Aside } from "./aside.ts";
import { ATTRIBUTE } from "./names.ts";

/**
 * What is known of a clone, on "<volume>.btm" and not on the clone itself, whose root belongs to the user of the node: root
 * unmounts and removes what it says.
 */
export interface CloneRecord {
  readonly btm: 1;
  /** Decimal digits. */
  readonly height: string;
  /** The uuid of the snapshot. */
  readonly of: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  /** Where it is mounted; absent when it is seen beside the volume. */
  readonly mountPoint?: string;
  /** The uppermost of the directories that were made for the mount point. */
  readonly made?: string;
  /** Absent of what a user opened. */
  readonly isForCheck?: boolean;
}

const form = v.object({
  btm: v.literal(1),
  height: v.pipe(v.string(), v.regex(/^(0|[1-9]\d{0,19})$/)),
  of: v.string(),
  at: v.pipe(v.string(), v.isoTimestamp()),
  mountPoint: v.exactOptional(v.string()),
  made: v.exactOptional(v.string()),
  isForCheck: v.exactOptional(v.boolean()),
});

/** What is known of the clone of a height; undefined when none is open. */
export function cloneRecord(aside: Aside, height: bigint): CloneRecord | undefined {
  const record = parseStored(form, getAttribute(aside.fd, openAttribute(String(height))));
  return record?.height === String(height) ? record : undefined;
}

export function writeCloneRecord(aside: Aside, record: CloneRecord): Promise<void> {
  return setAttribute(aside.fd, openAttribute(record.height), JSON.stringify(record));
}

export function removeCloneRecord(aside: Aside, height: string): Promise<void> {
  return removeAttribute(aside.fd, openAttribute(height));
}

/** The clone that is being made or destroyed: whoever comes next destroys it. Only one is at a time, by the lock. */
export function unfinishedClone(aside: Aside): CloneRecord | undefined {
  return parseStored(form, getAttribute(aside.fd, ATTRIBUTE.unfinishedClone));
}

export function beginClone(aside: Aside, record: CloneRecord): Promise<void> {
  return setAttribute(aside.fd, ATTRIBUTE.unfinishedClone, JSON.stringify(record));
}

export function endClone(aside: Aside): Promise<void> {
  return removeAttribute(aside.fd, ATTRIBUTE.unfinishedClone);
}

function openAttribute(height: string): string {
  return `${ATTRIBUTE.openPrefix}${height}`;
}
