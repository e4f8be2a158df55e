import { BtmError, isBtmError } from "../errors.ts";
import type { Height } from "../height.ts";
import { escapeText, quote } from "../text.ts";
import { backOffMs, type Clock, realClock } from "./clock.ts";
import { detectFamily } from "./detect-family.ts";
import { checkFinality, familyOf } from "./families.ts";
import type { Block, Family, FamilyName, Finality, Push, Reading } from "./family.ts";
import type { HttpOptions } from "./http.ts";
import { NodeClient, type NodeClientOptions, parseNodeUrl } from "./node-client.ts";
import { type Judgement, Progress } from "./progress.ts";
import { PushListener } from "./push-listener.ts";
import { webSocketUrl } from "./push-plans.ts";

/** A node that is followed, and how. */
export interface FollowSource extends NodeClientOptions {
  /** Found out by asking unless given. */
  readonly family?: FamilyName;
  readonly finality: Finality;
  /** For the family "http", and only for it. */
  readonly http?: HttpOptions;
  /** What the node must say of its chain; what it says first unless given. */
  readonly chain?: string;
  /** Where the node tells of news, when not where its family does; false never to listen. */
  readonly pushUrl?: string | false;
}

export interface FollowerOptions {
  readonly source: FollowSource;
  /**
   * A height that counts, each above the one before, but after a state "backwards". Heights that passed between two
   * questions are not made up. Must not throw.
   */
  readonly onBlock: (block: Block, reading: Reading) => void;
  /** Another state, or another reason for it; each time the chain goes backwards. Before the block. Must not throw. */
  readonly onState: (state: FollowState) => void;
  /** A height known from before, such as the newest snapshot's: see {@link Progress}. */
  readonly last?: Height;
  /** Between two questions without push, 1000 unless given. */
  readonly intervalMs?: number;
  /** 10 minutes unless given. */
  readonly stuckAfterMs?: number;
  readonly clock?: Clock;
  /** Gives 0 to 1. */
  readonly random?: () => number;
}

export interface FollowState {
  readonly kind: "connecting" | "unreachable" | Judgement["kind"];
  /** For people. */
  readonly sentence: string;
  readonly family: FamilyName | undefined;
  /** What it is known by, in words; undefined when it was given, or is not known yet. */
  readonly why: string | undefined;
  /** The chain that the node must be on, once it is known. */
  readonly chain: string | undefined;
  /** What the node said last, believed or not. */
  readonly reading: Reading | undefined;
  /** The last height that was believed. */
  readonly last: Height | undefined;
  /** Of a chain that went backwards. */
  readonly from?: Height;
  readonly to?: Height;
  /** Why the node cannot be asked. */
  readonly error?: BtmError;
}

/** Learns the heights of one node, for as long as it is not stopped, whatever becomes of the node. */
export class Follower {
  readonly #options: FollowerOptions;
  readonly #node: NodeClient;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #progress: Progress;
  #family: Family | undefined;
  #why: string | undefined;
  #push: PushListener | undefined;
  #state: FollowState;
  #reading: Reading | undefined;
  #failures = 0;
  #run: Promise<void> | undefined;
  #isStopped = false;
  /** How often it was said that there is news, and how often when the last question was asked. */
  #hints = 0;
  #hintsHeard = 0;
  /** While it waits: wakes it, at once or after the least pause. */
  #endSleep: ((isAtOnce: boolean) => void) | undefined;
  #askedAt = -Infinity;

  /** @throws BtmError BAD_OPTION */
  constructor(options: FollowerOptions) {
    const { source, clock = realClock, random = Math.random, stuckAfterMs = STUCK_AFTER_MS } = options;
    this.#options = options;
    this.#node = new NodeClient(source);
    this.#clock = clock;
    this.#random = random;
    this.#progress = new Progress({ chain: source.chain, last: options.last, stuckAfterMs });
    // An http path alone says which family it is.
    const name = source.family ?? (source.http === undefined ? undefined : "http");
    if (name !== undefined) this.#family = this.#checked(familyOf(name, source.http));
    this.#state = this.#stateOf("connecting", `Connecting to the node at ${this.#node.shown}`);
  }

  start(): void {
    if (this.#run !== undefined || this.#isStopped) throw new TypeError("A follower is started once");
    this.#run = this.#follow();
  }

  /** Ends what is under way. Nothing is called afterwards, and no timer and no socket is left. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#push?.stop();
    this.#node.close();
    this.#endSleep?.(true);
    await this.#run;
  }

  state(): FollowState {
    return this.#state;
  }

  /** Undefined until it is known. */
  family(): Family | undefined {
    return this.#family;
  }

  /**
   * Asks the node now; also before the start. What is out of all proportion to what was believed last is refused: one
   * answer is not enough for that.
   *
   * @throws BtmError NODE_UNREACHABLE, NODE_ANSWER, PERMISSION_DENIED, UNKNOWN_CHAIN, WRONG_CHAIN, ABORTED
   */
  async look(): Promise<Reading> {
    const family = await this.#knownFamily();
    const reading = await family.read(this.#node, this.#options.source.finality);
    const { chain, last } = this.#progress;
    if (chain === undefined || reading.chain === undefined || chain === reading.chain) {
      if (!this.#progress.doubts(reading)) return reading;
      const said = `height ${String(reading.chosen?.height)}, and the last one that was believed is ${String(last)}`;
      throw new BtmError("NODE_ANSWER", `The node at ${this.#node.shown} says ${said}`, {
        hint: "It is believed once it has said so for a minute",
      });
    }
    throw new BtmError("WRONG_CHAIN", `The node is on chain ${quote(reading.chain)}, not on ${quote(chain)}`);
  }

  /** The hash of the block at the height; undefined when the node has none there, or does not tell. */
  async hashAt(height: Height): Promise<string | undefined> {
    const family = await this.#knownFamily();
    return family.hashAt?.(this.#node, height);
  }

  /**
   * Returns when what the node has in memory is on its disk.
   *
   * @throws BtmError BAD_OPTION when nodes of this family cannot be asked for that; and as {@link look}
   */
  async flush(timeoutMs: number): Promise<void> {
    const family = await this.#knownFamily();
    if (family.flush !== undefined) return family.flush(this.#node, timeoutMs);
    throw new BtmError("BAD_OPTION", `A node of the family ${family.name} cannot be asked to write out what it has`, {
      hint: 'Use another quiesce than "flush"',
    });
  }

  async #follow(): Promise<void> {
    while (!this.#isStopped) await this.#sleep(await this.#ask());
  }

  /** @returns how long to wait for the next time */
  async #ask(): Promise<number> {
    const wasWoken = this.#hints > this.#hintsHeard;
    this.#hintsHeard = this.#hints;
    this.#askedAt = this.#clock.now();
    const answer = await this.#read();
    if (this.#isStopped) return 0;
    if (isBtmError(answer)) {
      this.#progress.interrupt();
      this.#tell(this.#stateOf("unreachable", answer.message, { error: answer }));
      return backOffMs(++this.#failures, this.#random);
    }
    this.#failures = 0;
    const hasNews = this.#take(answer);
    this.#listen();
    // It was not told of, nor is it while we ask: the channel is open, and dead.
    if (hasNews && this.#push?.isLive === true && !wasWoken && this.#hints === this.#hintsHeard) this.#push.reopen();
    return this.#intervalMs;
  }

  async #read(): Promise<Reading | BtmError> {
    try {
      const family = await this.#knownFamily();
      return await family.read(this.#node, this.#options.source.finality);
    } catch (error) {
      if (isBtmError(error)) return error;
      // A mistake of ours, which is said; other nodes are followed all the same.
      const what = escapeText(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
      return new BtmError("SYSTEM_ERROR", `The node at ${this.#node.shown} answered what btm does not know: ${what}`, {
        hint: "Please report it with this message",
        cause: error,
      });
    }
  }

  /** @returns whether there was something new */
  #take(reading: Reading): boolean {
    this.#reading = reading;
    const { kind, sentence, deliver, from, to } = this.#progress.judge(reading, this.#clock.now());
    const where = from === undefined || to === undefined ? {} : { from, to };
    this.#tell(this.#stateOf(kind, sentence, where));
    if (deliver !== undefined) this.#options.onBlock(deliver, reading);
    return deliver !== undefined;
  }

  #tell(state: FollowState): void {
    const before = this.#state;
    this.#state = state;
    const isSame = state.kind === before.kind && state.error?.message === before.error?.message;
    if (!isSame || state.kind === "backwards") this.#options.onState(state);
  }

  #stateOf(kind: FollowState["kind"], sentence: string, more: Partial<FollowState> = {}): FollowState {
    const { last, chain } = this.#progress;
    return { kind, sentence, family: this.#family?.name, why: this.#why, chain, reading: this.#reading, last, ...more };
  }

  async #knownFamily(): Promise<Family> {
    if (this.#family !== undefined) return this.#family;
    const { family, why } = await detectFamily(this.#node);
    this.#why = why;
    this.#family = this.#checked(familyOf(family));
    return this.#family;
  }

  #checked(family: Family): Family {
    checkFinality(family, this.#options.source.finality);
    return family;
  }

  #listen(): void {
    const { finality, pushUrl } = this.#options.source;
    if (this.#push !== undefined || this.#isStopped || pushUrl === false) return;
    const plan = this.#family?.push?.(this.#node.url, finality);
    if (plan === undefined) return;
    const push: Push = pushUrl === undefined ? plan : { ...plan, urls: [pushUrlOf(pushUrl, plan)] };
    if (push.urls.length === 0) return;
    this.#push = new PushListener({
      push,
      // On another port, which the family only supposes, anybody may listen.
      authorization: async (url) => {
        const isKnown = pushUrl !== undefined || url.host === this.#node.url.host;
        return isKnown ? this.#node.authorization() : undefined;
      },
      onNews: () => {
        this.#hints++;
        this.#endSleep?.(false);
      },
      onLost: () => this.#endSleep?.(false),
      clock: this.#clock,
      random: this.#random,
    });
    this.#push.start();
  }

  get #intervalMs(): number {
    const { intervalMs = INTERVAL_MS } = this.#options;
    return this.#push?.isLive === true ? Math.max(intervalMs, CONFIRM_MS) : intervalMs;
  }

  /** However often it is told of news, a node is not asked without a pause. */
  async #sleep(waitMs: number): Promise<void> {
    if (this.#isStopped) return;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const pauseMs = (): number => Math.max(0, this.#askedAt + MIN_PAUSE_MS - this.#clock.now());
    const end = (): void => {
      resolve(undefined);
    };
    let cancel = this.#clock.after(this.#hints > this.#hintsHeard ? pauseMs() : Math.max(pauseMs(), waitMs), end);
    this.#endSleep = (isAtOnce) => {
      cancel();
      if (isAtOnce || pauseMs() === 0) end();
      else cancel = this.#clock.after(pauseMs(), end);
    };
    await promise;
    cancel();
    this.#endSleep = undefined;
  }
}

function pushUrlOf(text: string, { kind }: Push): URL {
  const url = parseNodeUrl(text);
  return kind === "websocket" ? webSocketUrl(url) : url;
}

const INTERVAL_MS = 1000;
/** While the node tells of news by itself. */
const CONFIRM_MS = 10_000;
const MIN_PAUSE_MS = 100;
const STUCK_AFTER_MS = 600_000;
