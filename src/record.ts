import * as v from "valibot";

import { MAX_TEXT } from "./node-facts.ts";
import { parseStored } from "./stored.ts";

/**
 * What was learnt of a snapshot after it was taken, kept beside it. Unlike the mark it proves nothing: a snapshot is no
 * more and no less btm's for it.
 */
export interface SnapshotRecord {
  /** The version of this format. */
  readonly btm: 1;
  /** What the node said right after the snapshot; absent when it was not asked, or not answered. */
  readonly after?: { readonly height: string; readonly hash?: string };
  readonly verified?: Verified;
}

/** What came of starting a node from a copy of the snapshot. */
export interface Verified {
  /**
   * "exact": it stands at a height that the node had while the snapshot was taken; "differs": at another one; "failed": it
   * did not start, or did not answer; "passed": a command of the user's checked it and was content, and where a node stands
   * was not asked.
   */
  readonly outcome: "exact" | "differs" | "failed" | "passed";
  /** Where the node stands, decimal digits; absent when it did not say. */
  readonly height?: string;
  readonly hash?: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  /** From the start of the node to its answer. */
  readonly seconds: number;
  /** Of "differs" and "failed", for people. */
  readonly why?: string;
  /** Of "failed": a command of the user's was the check, and no node was asked. */
  readonly isCheck?: boolean;
}

/** A property of ZFS holds 8,191 bytes (zfsprops(7)), and JSON may make six of each character. */
export const MAX_WHY = 500;

const digits = v.pipe(v.string(), v.regex(/^(0|[1-9]\d{0,19})$/));
const hash = v.exactOptional(v.pipe(v.string(), v.maxLength(MAX_TEXT)));

export const recordForm = v.object({
  btm: v.literal(1),
  after: v.exactOptional(v.object({ height: digits, hash })),
  verified: v.exactOptional(
    v.object({
      outcome: v.picklist(["exact", "differs", "failed", "passed"]),
      height: v.exactOptional(digits),
      hash,
      at: v.pipe(v.string(), v.isoTimestamp()),
      seconds: v.pipe(v.number(), v.minValue(0)),
      why: v.exactOptional(v.pipe(v.string(), v.maxLength(MAX_WHY))),
      isCheck: v.exactOptional(v.boolean()),
    }),
  ),
});

/** The record that the text holds; undefined when it holds none, for it may be anything. */
export function parseRecord(text: string | undefined): SnapshotRecord | undefined {
  return parseStored(recordForm, text);
}
