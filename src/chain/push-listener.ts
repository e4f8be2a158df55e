import { backOffMs, type Clock } from "./clock.ts";
import { openEventStream } from "./event-stream.ts";
import type { Push } from "./family.ts";
import type { Channel } from "./push-channel.ts";
import { openWebSocket } from "./web-socket.ts";

export interface PushListenerOptions {
  readonly push: Push;
  /** What goes with the request to that place. */
  readonly authorization: (url: URL) => Promise<string | undefined>;
  readonly onNews: () => void;
  /** A channel that told of something is over: what comes next may not be told. */
  readonly onLost: () => void;
  readonly clock: Clock;
  readonly random: () => number;
}

/** Keeps one channel open, by one of several URLs, and opens it again when it ends. Never fails. */
export class PushListener {
  readonly #options: PushListenerOptions;
  #channel: Channel | undefined;
  #cancelRetry = (): void => undefined;
  #attempts = 0;
  #failures = 0;
  #isLive = false;
  #isStopped = false;

  constructor(options: PushListenerOptions) {
    this.#options = options;
  }

  /** Whether the channel that is open has told of something: one that only was opened may never do. */
  get isLive(): boolean {
    return this.#isLive;
  }

  start(): void {
    void this.#open();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelRetry();
    this.#channel?.close();
  }

  /** For a channel that is open and tells of nothing. */
  reopen(): void {
    this.#channel?.close();
    this.#ended();
  }

  async #open(): Promise<void> {
    const { push, authorization, onNews, clock } = this.#options;
    const url = push.urls[this.#attempts++ % push.urls.length];
    if (url === undefined) return;
    // The poll has found the credentials wrong too, and says so.
    const header = await authorization(url).catch(() => undefined);
    if (this.#isStopped) return;
    const options = {
      url,
      authorization: header,
      onNews: () => {
        this.#isLive = true;
        this.#failures = 0;
        onNews();
      },
      onEnd: () => {
        this.#ended();
      },
    };
    this.#channel = push.kind === "websocket" ? openWebSocket(options, push, clock) : openEventStream(options, clock);
  }

  #ended(): void {
    const { clock, random, onLost } = this.#options;
    const wasLive = this.#isLive;
    // One that was of use is the first to be tried again.
    if (wasLive) this.#attempts--;
    this.#channel = undefined;
    this.#isLive = false;
    if (wasLive && !this.#isStopped) onLost();
    this.#failures++;
    this.#cancelRetry();
    if (!this.#isStopped) this.#cancelRetry = clock.after(backOffMs(this.#failures, random), () => void this.#open());
  }
}
