import type { Content } from "./log.ts";

/**
 * What happens in a guest, told in this order and written out at once, so that the host knows after a cut what had happened
 * and what was under way.
 */
export type Event =
  | { readonly kind: "start"; readonly snapshots: Readonly<Record<string, Content>>; readonly live: Content }
  /** A call of onStep. */
  | { readonly kind: "step"; readonly at: string }
  /** The block is about to become another one. */
  | { readonly kind: "renew"; readonly block: string }
  | { readonly kind: "take"; readonly height: number; readonly pruned: readonly number[]; readonly acked: number }
  | { readonly kind: "taken"; readonly content: Content }
  | { readonly kind: "clean"; readonly removed: readonly number[] }
  | { readonly kind: "cleaned" }
  /** The writer has stopped. */
  | { readonly kind: "back"; readonly target: number; readonly destroyed: readonly number[]; readonly acked: number }
  | { readonly kind: "backed" };

/** A call of onStep at which the host is told to cut the power. */
export interface Moment {
  readonly operation: "snapshot" | "clean" | "rollback";
  readonly step: string;
}

/** What the next boot finds. */
export interface Seen {
  /** Of zpool, after a scrub. */
  readonly status: string;
  /** Before any command of btm. */
  readonly heightsBefore: readonly number[];
  readonly unmarked: readonly number[];
  /** What the first command says. */
  readonly recovered: readonly string[];
  readonly hasJournalAfter: boolean;
  readonly snapshots: Readonly<Record<string, Content>>;
  readonly live: Content;
}

/** The files that a guest shares with the host. */
export const FILES = {
  volume: "volume",
  image: "image",
  /** There as soon as the moment has come; how many milliseconds the snapshot before it took. */
  word: "word",
  events: (boot: number): string => `events-${String(boot)}`,
  /** The serial of each record that has been written out, a line each. */
  acks: (boot: number): string => `acks-${String(boot)}`,
  seen: (boot: number): string => `seen-${String(boot)}`,
} as const;
