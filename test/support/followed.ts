import { EventEmitter, once } from "node:events";
import { onTestFinished } from "vitest";

import { Follower, type FollowerOptions, type FollowSource, type FollowState } from "../../src/chain/follower.ts";
import { FakeClock } from "./fake-clock.ts";

/** A follower under test, with all that it has told, and a clock that the test moves. */
export class Followed {
  readonly clock = new FakeClock();
  readonly heights: bigint[] = [];
  readonly states: FollowState[] = [];
  readonly follower: Follower;
  readonly #news = new EventEmitter();

  constructor(source: FollowSource, options: Partial<FollowerOptions> = {}) {
    this.follower = new Follower({
      source,
      clock: this.clock,
      // The longest wait of each back-off.
      random: () => 1,
      onBlock: ({ height }) => {
        this.heights.push(height);
        this.#news.emit("news");
      },
      onState: (state) => {
        this.states.push(state);
        this.#news.emit("news");
      },
      ...options,
    });
    this.follower.start();
    onTestFinished(() => this.follower.stop());
  }

  /** What has happened, in the order of the states. */
  get kinds(): string[] {
    return this.states.map(({ kind }) => kind);
  }

  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await once(this.#news, "news");
  }

  /** Waits until it has asked, and asks once more after a second, until it has been answered. */
  async poll(times = 1): Promise<void> {
    for (let i = 0; i < times; i++) {
      await this.clock.pass(1000);
      await this.clock.set(1000);
    }
  }
}
