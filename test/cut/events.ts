import type { Content } from "./log.ts";

/** A live state, and all the snapshots behind it by height, whoever holds them. */
export interface Timeline {
  readonly live: Content;
  readonly snapshots: Readonly<Record<string, Content>>;
}

/** A volume as the disk shows it, without btm. */
export interface Look {
  readonly volume: Timeline;
  /** The undo points, by number. */
  readonly undo: Readonly<Record<string, Timeline>>;
  /** What btm should not have left. */
  readonly leftovers: readonly string[];
}

/** What is done to a volume. */
export type Operation =
  | { readonly name: "snapshot"; readonly height: number; readonly pruned: readonly number[]; readonly acked: number }
  | { readonly name: "clean"; readonly removed: readonly number[] }
  // Of these the writer has stopped.
  | { readonly name: "rollback"; readonly target: number; readonly keepUndo: number; readonly acked: number }
  | { readonly name: "discard"; readonly target: number; readonly acked: number }
  | { readonly name: "undo"; readonly point: number; readonly keepUndo: number; readonly acked: number }
  | { readonly name: "drop"; readonly points: readonly number[] };

export const OPERATIONS = ["snapshot", "clean", "rollback", "discard", "undo", "drop"] as const;

/**
 * What happens in a guest, told in this order and written out at once, so that the host knows after a cut what had happened
 * and what was under way.
 */
export type Event =
  | { readonly kind: "start"; readonly look: Look }
  /** A call of onStep. */
  | ({ readonly kind: "step" } & Moment)
  /** The block is about to become another one. */
  | { readonly kind: "renew"; readonly block: string }
  | { readonly kind: "begin"; readonly operation: Operation }
  | {
      readonly kind: "done";
      /** Of a snapshot: what it holds. */
      readonly content?: Content;
      /** Of a rollback or undo: which undo points it says it has made and dropped. */
      readonly undo?: number;
      readonly dropped?: readonly number[];
    };

/** A call of onStep at which the power is cut. */
export interface Moment {
  /** "recover" is btm's first command after a boot. */
  readonly operation: (typeof OPERATIONS)[number] | "recover";
  readonly step: string;
  readonly when: "before" | "after";
}

/** How near to its moment a cut is. */
export type Manner =
  /** At it: what was not written out is lost. */
  | "at once"
  /** At it, when all that was done before has reached the disk. */
  | "written out"
  /** Some time after it. */
  | "later";

/** What a guest tells when its moment has come. */
export interface Word {
  readonly moment: Moment;
  /** How long a step took on the average. */
  readonly stepMs: number;
  /** Whether it was at that moment, or gave up waiting for it. */
  readonly isReached: boolean;
}

/** What the next boot finds. */
export interface Seen {
  /** What is wrong with the file system. */
  readonly problems: readonly string[];
  /** What was live before any command of btm; null when nothing was. */
  readonly liveBefore: Content | null;
  /** What recovery says, and what a second one does. */
  readonly recovered: readonly string[];
  readonly again: readonly string[];
  readonly look: Look;
  /** What btm lists: its snapshots, and those of each undo point. */
  readonly listed: readonly number[];
  readonly listedUndo: Readonly<Record<string, readonly number[]>>;
}

/** The files that a guest shares with the host. */
export const FILES = {
  volume: "volume",
  image: "image",
  /** There as soon as the moment has come. */
  word: "word",
  events: (boot: number): string => `events-${String(boot)}`,
  /** The serial of each record that has been written out, a line each. */
  acks: (boot: number): string => `acks-${String(boot)}`,
  seen: (boot: number): string => `seen-${String(boot)}`,
} as const;
