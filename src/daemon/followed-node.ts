import { isAbsolute, join } from "node:path";

import { familyOf } from "../chain/families.ts";
import type { Block, Reading } from "../chain/family.ts";
import { Follower, type FollowSource, type FollowState } from "../chain/follower.ts";
import { BtmError } from "../errors.ts";
import type { Height } from "../height.ts";
import type { NodeFacts, Quiesce } from "../node-facts.ts";
import type { FollowConfig, QuiesceConfig } from "./follow-config.ts";
import { errorText, type Log } from "./log.ts";

export interface FollowedNodeOptions extends QuiesceConfig {
  /** Of the volume, for the log. */
  readonly name: string;
  readonly config: FollowConfig;
  /** Where the files of the volume are, for a cookie below it. */
  readonly folder: string;
  /** The newest height that is known from before, and the chain that it was on. */
  readonly last: Height | undefined;
  readonly chain: string | undefined;
  readonly log: Log;
  /** A height that a snapshot may be named by. Must not throw. */
  readonly onHeight: (height: Height) => void;
  /** The chain went back: what was above is no more perhaps. Must not throw. */
  readonly onBack: () => void;
}

/** What a node said before a snapshot of it. */
export interface Before {
  /** What the snapshot is to be named by: at or above the height that was asked for. */
  readonly height: Height;
  /** All but the quiesce, which is known as it is done. */
  readonly facts: Omit<NodeFacts, "quiesce">;
}

/** The node of one volume: followed, asked around each snapshot, and told of in status and metrics. */
export class FollowedNode {
  readonly #options: FollowedNodeOptions;
  readonly #follower: Follower;
  readonly startedAt = new Date();

  /** @throws BtmError BAD_OPTION */
  constructor(options: FollowedNodeOptions) {
    this.#options = options;
    const { last } = options;
    this.#follower = new Follower({
      source: sourceOf(options),
      onBlock: (block, reading) => {
        this.#onBlock(block, reading);
      },
      onState: (state) => {
        this.#onState(state);
      },
      ...(last === undefined ? {} : { last }),
    });
  }

  start(): void {
    this.#follower.start();
  }

  stop(): Promise<void> {
    return this.#follower.stop();
  }

  get state(): FollowState {
    return this.#follower.state();
  }

  /** Whether somebody should look at it. */
  get isIll(): boolean {
    return ILL.has(this.state.kind);
  }

  /** What is done to it around a snapshot; "none" until it is known what it is. */
  get quiesce(): Quiesce {
    const { quiesce, unit } = this.#options;
    if (quiesce !== undefined) return quiesce;
    const suits = this.#follower.family()?.quiesce ?? "none";
    // What suits it needs a unit that nobody has named.
    return (suits === "freeze" || suits === "stop") && unit === undefined ? "none" : suits;
  }

  /**
   * Asks where it stands, right before a snapshot.
   *
   * @param isExact whether the snapshot is to be named by the height that was asked for, and no newer one
   * @throws BtmError NODE_BEHIND when it stands below the height: the snapshot would not hold what its name says; and those
   * of {@link Follower.look}
   */
  async before(asked: Height, isExact: boolean): Promise<Before> {
    const { head, chosen, chain } = await this.#follower.look();
    if (chosen === undefined || chosen.height < asked) {
      const where =
        chosen === undefined ? "has no block that is as final as is asked for" : `stands at ${String(chosen.height)}`;
      throw new BtmError("NODE_BEHIND", `Cannot take a snapshot at ${String(asked)}: the node ${where}`, {
        hint: "It has not come so far yet, was put back, or its chain was reorganised; its next heights are taken",
      });
    }
    const block = isExact ? { height: asked, hash: undefined } : chosen;
    const hash = await this.#hashOf(block);
    const family = this.#follower.family()?.name ?? "http";
    return {
      height: block.height,
      facts: {
        family,
        before: String(head.height),
        ...(chain === undefined ? {} : { chain }),
        ...(hash === undefined ? {} : { hash }),
      },
    };
  }

  /** Where it stands right after; undefined when it does not answer. */
  async after(): Promise<{ readonly height: string; readonly hash?: string } | undefined> {
    try {
      const { head } = await this.#follower.look();
      return { height: String(head.height), ...(head.hash === undefined ? {} : { hash: head.hash }) };
    } catch (error) {
      if (error instanceof BtmError) return undefined;
      throw error;
    }
  }

  flush(): Promise<void> {
    return this.#follower.flush(FLUSH_MS);
  }

  hashAt(height: Height): Promise<string | undefined> {
    return this.#follower.hashAt(height);
  }

  async #hashOf({ height, hash }: Block): Promise<string | undefined> {
    if (hash !== undefined) return hash;
    try {
      return await this.#follower.hashAt(height);
    } catch (error) {
      // Worth less than the snapshot.
      if (error instanceof BtmError) return undefined;
      throw error;
    }
  }

  #onBlock({ height }: Block, { isSyncing }: Reading): void {
    if (isSyncing && this.#options.config.whileSyncing === "skip") return;
    this.#options.onHeight(height);
  }

  #onState({ kind, sentence, family, chain, why, error }: FollowState): void {
    const { name, log, onBack } = this.#options;
    const which = family === undefined || why === undefined ? "" : ` (family ${family}: ${why})`;
    const text = `${name}: ${sentence}${kind === "following" || kind === "syncing" ? which : ""}`;
    if (kind === "wrong-chain" || kind === "stuck" || kind === "lying") log.error(`${text}${chainText(chain)}`);
    else if (kind === "unreachable") log.warning(error?.hint === undefined ? text : `${text}. ${error.hint}`);
    else if (kind === "backwards") log.warning(text);
    else log.info(text);
    if (kind === "backwards") onBack();
  }
}

function chainText(chain: string | undefined): string {
  return chain === undefined ? "" : ` (chain ${chain})`;
}

function sourceOf({ config, folder, chain: seen }: FollowedNodeOptions): FollowSource {
  const { url, family, finality, user, password, cookie, push, http, expectChain } = config;
  if (family !== undefined) familyOf(family, http);
  const chain = expectChain ?? seen;
  return {
    url,
    finality,
    timeoutMs: ASK_MS,
    ...(family === undefined ? {} : { family }),
    ...(http === undefined ? {} : { http }),
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { password }),
    ...(cookie === undefined ? {} : { cookieFile: isAbsolute(cookie) ? cookie : join(folder, cookie) }),
    ...(chain === undefined ? {} : { chain }),
    ...(push === undefined ? {} : { pushUrl: push }),
  };
}

/** The error that keeps a snapshot from being named by a height that the node does not have. */
export function isBehind(error: unknown): error is BtmError {
  return error instanceof BtmError && error.code === "NODE_BEHIND";
}

/** What is wrong with asking the node, in words, when the snapshot is taken all the same. */
export function unknownText(error: unknown): string {
  return `the node does not say where it stands, and the snapshot is taken all the same: ${errorText(error)}`;
}

const ILL: ReadonlySet<FollowState["kind"]> = new Set(["unreachable", "stuck", "wrong-chain", "lying"]);
/** A chain must not wait for an answer of its own node. */
const ASK_MS = 5000;
/** To write out the chain state of a large node takes minutes. */
const FLUSH_MS = 600_000;
