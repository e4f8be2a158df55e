import type { Height } from "../height.ts";
import type { SnapshotResult } from "../results.ts";
import { KnownHeights, type Seen } from "./known-heights.ts";

/** What is answered to one who asked for a snapshot. */
export type Answer = Pick<SnapshotResult, "taken" | "height" | "reason" | "winner" | "last" | "pruned">;

export interface QueueOptions {
  readonly itv: bigint;
  /** Heights that are taken although they are not due, and not skipped. */
  readonly pins: ReadonlySet<Height>;
  /** Takes one, on the disk; a newer one perhaps than was asked for, which the result tells. */
  readonly take: (height: Height, isPinned: boolean) => Promise<SnapshotResult>;
  /** What is on the disk. */
  readonly look: () => Promise<readonly Seen[]>;
  /** Milliseconds that only go forwards. */
  readonly now: () => number;
  /** Told of what failed, whether somebody waits for it or not. */
  readonly onFailure: (error: unknown, height: Height | undefined) => void;
}

interface Waiting {
  readonly height: Height;
  readonly settle: PromiseWithResolvers<Answer>[];
}

/**
 * The requests for one volume, done one after the other. What is not due is answered from memory, at once. While one is
 * under way the newest due height waits for its end, and those it overtakes are told so: the chain never waits in a line.
 */
export class VolumeQueue {
  readonly known: KnownHeights;
  readonly #options: QueueOptions;
  readonly #waiting = new Map<Height, Waiting>();
  #underWay: Waiting | undefined;
  #worker: Promise<void> | undefined;

  constructor(options: QueueOptions) {
    this.#options = options;
    this.known = new KnownHeights(options.itv);
  }

  /** How many heights wait, the one under way counted. */
  get depth(): number {
    return this.#waiting.size + (this.#underWay === undefined ? 0 : 1);
  }

  /** The height that is being taken. */
  get current(): Height | undefined {
    return this.#underWay?.height;
  }

  /** @throws what `take` and `look` throw */
  async ask(height: Height): Promise<Answer> {
    const isPinned = this.#options.pins.has(height);
    const verdict = this.#judge(height, isPinned);
    if (verdict.kind === "not-due" || verdict.kind === "exists") {
      if (this.known.ageMs(this.#options.now()) > FRESH_MS) this.refresh();
      return { taken: false, height, reason: verdict.kind, last: verdict.last, pruned: [] };
    }
    const waiting = this.#underWay?.height === height ? this.#underWay : this.#waiting.get(height);
    const settle = Promise.withResolvers<Answer>();
    // One who is gone does not make a failure unhandled.
    settle.promise.catch(() => undefined);
    if (waiting !== undefined) waiting.settle.push(settle);
    else this.#waiting.set(height, { height, settle: [settle] });
    if (verdict.kind === "due") this.#skipBelow(height);
    this.#work();
    return settle.promise;
  }

  /** Looks at the disk when nothing else is under way. */
  refresh(): void {
    if (this.#worker !== undefined) return;
    this.#worker = this.#look().then(
      () => undefined,
      (error: unknown) => {
        this.#options.onFailure(error, undefined);
      },
    );
    this.#worker = this.#worker.finally(() => {
      this.#worker = undefined;
      this.#work();
    });
  }

  /** Waits until nothing is under way and nothing waits. */
  async drain(): Promise<void> {
    while (this.#worker !== undefined) await this.#worker;
  }

  #judge(height: Height, isPinned: boolean): ReturnType<KnownHeights["judge"]> {
    const now = this.#underWay?.height;
    // What is under way will be there; if it fails, the next height is due again.
    if (now !== undefined && height > now && !isPinned && height / this.#options.itv === now / this.#options.itv) {
      return { kind: "not-due", last: now };
    }
    return this.known.judge(height, isPinned, this.#options.now());
  }

  #work(): void {
    if (this.#worker !== undefined || this.#waiting.size === 0) return;
    this.#worker = this.#run().finally(() => {
      this.#worker = undefined;
      this.#work();
    });
  }

  async #run(): Promise<void> {
    while (this.#waiting.size > 0) {
      const doubtful = [...this.#waiting.values()].filter(({ height }) => this.#verdictOf(height).kind === "doubtful");
      if (doubtful.length > 0) {
        try {
          await this.#look();
        } catch (error) {
          this.#options.onFailure(error, undefined);
          for (const waiting of doubtful) this.#reject(waiting, error);
          continue;
        }
      }
      this.#answerKnown();
      const next = this.#next();
      if (next !== undefined) await this.#take(next);
    }
  }

  #verdictOf(height: Height): ReturnType<KnownHeights["judge"]> {
    return this.known.judge(height, this.#options.pins.has(height), this.#options.now());
  }

  async #look(): Promise<void> {
    this.known.learn(await this.#options.look(), this.#options.now());
  }

  /** Right after a look, or with nothing doubtful. */
  #answerKnown(): void {
    for (const waiting of this.#waiting.values()) {
      const { height } = waiting;
      const { kind, last } = this.known.judgeAfresh(height, this.#options.pins.has(height));
      if (kind !== "due") this.#resolve(waiting, { taken: false, height, reason: kind, last, pruned: [] });
    }
  }

  /** The lowest pinned one, else the newest. */
  #next(): Waiting | undefined {
    const ascending = [...this.#waiting.values()].sort((a, b) => (a.height < b.height ? -1 : 1));
    const newest = ascending.at(-1);
    if (newest !== undefined) this.#skipBelow(newest.height);
    return ascending.find(({ height }) => this.#options.pins.has(height)) ?? newest;
  }

  /** Those that wait below it, and are due no doubt, are overtaken. */
  #skipBelow(winner: Height): void {
    for (const waiting of this.#waiting.values()) {
      const { height } = waiting;
      if (height >= winner || this.#options.pins.has(height) || this.#isDoubtful(height)) continue;
      const { last } = this.known.judgeAfresh(height, false);
      this.#resolve(waiting, { taken: false, height, reason: "superseded", winner, last, pruned: [] });
    }
  }

  #isDoubtful(height: Height): boolean {
    return this.known.isDoubtful(height, this.#options.now());
  }

  async #take(next: Waiting): Promise<void> {
    const { height, settle } = next;
    this.#waiting.delete(height);
    this.#underWay = next;
    try {
      const done = await this.#options.take(height, this.#options.pins.has(height));
      const { taken, reason, last, pruned } = done;
      this.known.change(taken || reason === "exists" ? { height: done.height, isOurs: taken } : undefined, pruned);
      // Others have changed the disk since it was looked at.
      if (!taken) this.known.suspect();
      const [first, ...others] = settle;
      first?.resolve({ taken, height: done.height, reason, last, pruned });
      const again = {
        taken: false,
        height: done.height,
        reason: taken ? "exists" : reason,
        last: done.height,
        pruned: [],
      } as const;
      for (const other of others) other.resolve(again);
    } catch (error) {
      this.known.suspect();
      this.#options.onFailure(error, height);
      for (const one of settle) one.reject(error);
    } finally {
      this.#underWay = undefined;
    }
  }

  #resolve(waiting: Waiting, answer: Answer): void {
    this.#waiting.delete(waiting.height);
    for (const one of waiting.settle) one.resolve(answer);
  }

  #reject(waiting: Waiting, error: unknown): void {
    this.#waiting.delete(waiting.height);
    for (const one of waiting.settle) one.reject(error);
  }
}

/** After that others' changes are looked for, with the next request. */
const FRESH_MS = 60_000;
