import type { Height } from "../height.ts";
import { count, quote } from "../text.ts";
import type { Block, Reading } from "./family.ts";

export interface ProgressOptions {
  /** The chain that the node must be on; the one it is seen on first unless given. */
  readonly chain: string | undefined;
  /** A height that is known from before: what is far from it is not believed at once. */
  readonly last: Height | undefined;
  readonly stuckAfterMs: number;
}

/** What to make of a reading. */
export interface Judgement {
  readonly kind: "following" | "syncing" | "stuck" | "wrong-chain" | "backwards" | "lying";
  /** For people. */
  readonly sentence: string;
  /** To be handed on; undefined when there is nothing new, or nothing to believe. */
  readonly deliver: Block | undefined;
  /** Of a chain that went backwards. */
  readonly from?: Height;
  readonly to?: Height;
}

/** What is not believed yet. */
interface Doubt {
  readonly since: number;
  readonly readings: number;
  readonly height: Height;
}

/**
 * Judges what a node says by what it said before. It has no clock: it is told the time, in milliseconds that only go
 * forwards.
 *
 * A height is doubtful when it is 2^63 or more, or more than 1,000,000 blocks away from the last one that was believed, in
 * either direction; upwards only of a node that does not say that it is catching up. It is believed when the node has
 * said so, or gone on from there, in 5 readings in succession, over a minute.
 */
export class Progress {
  readonly #options: ProgressOptions;
  #chain: string | undefined;
  #last: Height | undefined;
  #doubt: Doubt | undefined;
  /** When the height that counts last changed; undefined when that is not known. */
  #changedAt: number | undefined;

  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#chain = options.chain;
    this.#last = options.last;
  }

  /** The chain that the node must be on, once it is known. */
  get chain(): string | undefined {
    return this.#chain;
  }

  /** The last height that was believed. */
  get last(): Height | undefined {
    return this.#last;
  }

  /** Whether a height is too far from the last one to be believed at once. Leaves the judgement as it is. */
  doubts({ chosen, isSyncing }: Reading): boolean {
    return chosen !== undefined && isDoubtful(chosen.height, this.#last, isSyncing);
  }

  /** The node could not be asked: the time until it can is not its fault. */
  interrupt(): void {
    this.#changedAt = undefined;
    this.#doubt = undefined;
  }

  judge(reading: Reading, now: number): Judgement {
    this.#changedAt ??= now;
    if (!this.#isOurChain(reading)) return this.#wrongChain(reading);
    const { chosen, isSyncing } = reading;
    if (chosen !== undefined && !this.#believes(chosen.height, isSyncing, now)) return this.#lying(chosen.height);
    // Only a node that was believed has said which chain it is on.
    this.#chain ??= reading.chain;
    const last = this.#last;
    if (chosen === undefined || chosen.height === last) return this.#unchanged(reading, now);
    this.#changedAt = now;
    this.#last = chosen.height;
    if (last !== undefined && chosen.height < last) return backwards(chosen, last);
    return { ...moving(reading), deliver: chosen };
  }

  #isOurChain({ chain }: Reading): boolean {
    return chain === undefined || this.#chain === undefined || chain === this.#chain;
  }

  #wrongChain({ chain = "" }: Reading): Judgement {
    this.interrupt();
    const sentence = `The node is on chain ${quote(chain)}, not on ${quote(this.#chain ?? "")}: nothing it says is used`;
    return { kind: "wrong-chain", sentence, deliver: undefined };
  }

  #believes(height: Height, isSyncing: boolean, now: number): boolean {
    if (!isDoubtful(height, this.#last, isSyncing)) {
      this.#doubt = undefined;
      return true;
    }
    const before = this.#doubt;
    const goesOn = before !== undefined && !isDoubtful(height, before.height, false);
    const since = goesOn ? before.since : now;
    const readings = goesOn ? before.readings + 1 : 1;
    const isConfirmed = readings >= CONFIRMING_READINGS && now - since >= CONFIRMING_MS;
    this.#doubt = isConfirmed ? undefined : { since, readings, height };
    return isConfirmed;
  }

  #lying(height: Height): Judgement {
    const last = this.#last;
    const far = last === undefined ? "" : `, ${count(Number(height > last ? height - last : last - height), "block")} `;
    const where = last === undefined ? "" : `${far}${height > last ? "above" : "below"} the last one,`;
    const sentence = `The node says height ${String(height)}${where} which is not believed before it has said so for a minute`;
    return { kind: "lying", sentence, deliver: undefined };
  }

  #unchanged(reading: Reading, now: number): Judgement {
    const { stuckAfterMs } = this.#options;
    if (now - (this.#changedAt ?? now) < stuckAfterMs) return { ...moving(reading), deliver: undefined };
    const minutes = count(Math.max(1, Math.floor((now - (this.#changedAt ?? now)) / 60_000)), "minute");
    return { kind: "stuck", sentence: `No new height for ${minutes}: ${placeText(reading)}`, deliver: undefined };
  }
}

function isDoubtful(height: Height, last: Height | undefined, isSyncing: boolean): boolean {
  if (height >= HUGE && (last ?? 0n) < HUGE) return true;
  if (last === undefined) return false;
  return height < last ? last - height > FAR : !isSyncing && height - last > FAR;
}

function backwards(chosen: Block, last: Height): Judgement {
  const sentence = `The chain went back from ${String(last)} to ${String(chosen.height)}: a reorganisation, or a node that was put back`;
  return { kind: "backwards", sentence, deliver: chosen, from: last, to: chosen.height };
}

function moving(reading: Reading): Pick<Judgement, "kind" | "sentence"> {
  return reading.isSyncing
    ? { kind: "syncing", sentence: `The node is catching up: ${placeText(reading)}` }
    : { kind: "following", sentence: `Following: ${placeText(reading)}` };
}

function placeText({ head, chosen }: Reading): string {
  const newest = `its newest block is ${String(head.height)}`;
  if (chosen === undefined) return `${newest}, and none is as final as is asked for`;
  return chosen.height === head.height ? newest : `height ${String(chosen.height)} counts, and ${newest}`;
}

const HUGE = 2n ** 63n;
const FAR = 1_000_000n;
const CONFIRMING_READINGS = 5;
const CONFIRMING_MS = 60_000;
