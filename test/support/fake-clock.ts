import { EventEmitter, once } from "node:events";

import type { Clock } from "../../src/chain/clock.ts";

interface Timer {
  readonly milliseconds: number;
  readonly at: number;
  readonly act: () => void;
}

/** A clock that a test moves. */
export class FakeClock implements Clock {
  readonly #timers = new Set<Timer>();
  readonly #news = new EventEmitter();
  #now = 1_000_000;

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, act: () => void): () => void {
    const timer = { milliseconds, at: this.#now + milliseconds, act };
    this.#timers.add(timer);
    this.#news.emit("news");
    return () => {
      this.#timers.delete(timer);
    };
  }

  /** The lengths of what is waited for. */
  get pending(): number[] {
    return [...this.#timers].map(({ milliseconds }) => milliseconds).toSorted((a, b) => a - b);
  }

  /** Waits until something is waited for that is this long, and lets that time pass. */
  async pass(milliseconds: number): Promise<void> {
    await this.set(milliseconds);
    this.advance(milliseconds);
  }

  /** Waits until something is waited for that is this long. */
  async set(milliseconds: number): Promise<void> {
    while (![...this.#timers].some((timer) => timer.milliseconds === milliseconds)) await once(this.#news, "news");
  }

  /** Waits until something is waited for, and lets time pass until the first of it comes. */
  async passNext(): Promise<void> {
    if (this.#timers.size === 0) await once(this.#news, "news");
    this.advance(Math.min(...[...this.#timers].map(({ at }) => at)) - this.#now);
  }

  advance(milliseconds: number): void {
    const end = this.#now + milliseconds;
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#now = next.at;
      this.#timers.delete(next);
      next.act();
    }
    this.#now = end;
  }
}
