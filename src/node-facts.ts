import * as v from "valibot";

export const QUIESCE = ["none", "flush", "freeze", "stop"] as const;

/** What was done so that what the node has in memory is in a snapshot, or does not matter. */
export type Quiesce = (typeof QUIESCE)[number];

/** What the node said of itself right before the snapshot. */
export interface NodeFacts {
  /** Its family: "evm", "bitcoin" ... */
  readonly family: string;
  /** Identifies its chain: a genesis hash, an id; absent when it does not tell. */
  readonly chain?: string;
  /** Where it stood, decimal digits: at or above the height of the snapshot, when that waits for finality. */
  readonly before: string;
  /** The hash of the block of the snapshot's height; absent when it does not tell. */
  readonly hash?: string;
  readonly quiesce: Quiesce;
}

/** Of a hash, or what identifies a chain, in characters. */
export const MAX_TEXT = 200;

export const nodeForm = v.object({
  family: v.pipe(v.string(), v.maxLength(40)),
  chain: v.exactOptional(v.pipe(v.string(), v.maxLength(MAX_TEXT))),
  before: v.pipe(v.string(), v.regex(/^(0|[1-9]\d{0,19})$/)),
  hash: v.exactOptional(v.pipe(v.string(), v.maxLength(MAX_TEXT))),
  quiesce: v.picklist(QUIESCE),
});
