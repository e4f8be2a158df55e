import { due, type Height } from "../height.ts";

/** What memory says of a height: not to be taken, to be taken, or that the disk must be asked. */
export type Verdict =
  | { readonly kind: "not-due" | "exists"; readonly last: Height | undefined }
  | { readonly kind: "due"; readonly last: Height | undefined }
  | { readonly kind: "doubtful" };

/** A snapshot on the disk, as far as it matters here. */
export interface Seen {
  readonly height: Height;
  /** Whether it is btm's. That of others is in the way of its height, and makes no later one undue. */
  readonly isOurs: boolean;
}

/**
 * The heights of which a volume has snapshots, as last seen. Others change the disk too (btm rollback, btm clean), so what
 * could have become untrue by that is doubtful: a height at or below our newest, for a chain that goes back has been rolled
 * back perhaps. What was seen a moment ago is believed all the same: a chain that has one of the highest height there is
 * would have the disk read for each block.
 */
export class KnownHeights {
  readonly #itv: bigint;
  /** Undefined as long as nobody has looked. */
  #all: Map<Height, boolean> | undefined;
  /** Ascending. */
  #ours: Height[] = [];
  #seenAt = -Infinity;
  /** Something went wrong, or was changed by others: what looks due is looked at before it is taken. */
  #isSuspect = false;

  constructor(itv: bigint) {
    this.#itv = itv;
  }

  get count(): number {
    return this.#all?.size ?? 0;
  }

  /** Of ours. */
  get newest(): Height | undefined {
    return this.#ours.at(-1);
  }

  get isKnown(): boolean {
    return this.#all !== undefined;
  }

  judge(height: Height, mustTake: boolean, now: number): Verdict {
    if (this.#all === undefined || this.isDoubtful(height, now)) return { kind: "doubtful" };
    const verdict = this.judgeAfresh(height, mustTake);
    return verdict.kind === "due" && this.#isSuspect ? { kind: "doubtful" } : verdict;
  }

  /** Whether others may have made it untrue what is known of the height. */
  isDoubtful(height: Height, now: number): boolean {
    if (this.#all === undefined) return true;
    if (!this.#isSuspect && this.ageMs(now) < BELIEVED_MS) return false;
    return height <= (this.newest ?? -1n) || this.#all.has(height);
  }

  /** The same right after a look: nothing is doubtful. */
  judgeAfresh(height: Height, mustTake: boolean): Exclude<Verdict, { kind: "doubtful" }> {
    const last = this.#ours.findLast((known) => known <= height);
    if (this.#all?.has(height) === true) return { kind: "exists", last };
    return { kind: mustTake || due(height, last, this.#itv) ? "due" : "not-due", last };
  }

  ageMs(now: number): number {
    return now - this.#seenAt;
  }

  learn(seen: readonly Seen[], now: number): void {
    this.#set(new Map(seen.map(({ height, isOurs }) => [height, isOurs])));
    this.#seenAt = now;
    this.#isSuspect = false;
  }

  /** One is there now, some are gone. */
  change(added: Seen | undefined, gone: readonly Height[]): void {
    if (this.#all === undefined) return;
    const all = new Map(this.#all);
    for (const height of gone) all.delete(height);
    if (added !== undefined) all.set(added.height, added.isOurs);
    this.#set(all);
  }

  suspect(): void {
    this.#isSuspect = true;
  }

  #set(all: Map<Height, boolean>): void {
    this.#all = all;
    const ours = [...all].flatMap(([height, isOurs]) => (isOurs ? [height] : []));
    this.#ours = ours.sort((a, b) => (a < b ? -1 : 1));
  }
}

const BELIEVED_MS = 1000;
