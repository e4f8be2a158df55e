import { BtmError } from "../errors.ts";
import { type Height, parseUnsigned, show } from "../height.ts";
import type { Quiesce } from "../node-facts.ts";
import type { Node } from "./node.ts";

export const FAMILY_NAMES = [
  "evm",
  "beacon",
  "bitcoin",
  "cometbft",
  "substrate",
  "solana",
  "aptos",
  "sui",
  "near",
  "avalanche",
  "monero",
  "handshake",
  "http",
] as const;

export type FamilyName = (typeof FAMILY_NAMES)[number];

/** Which block counts: the newest, one by the chain's own word, or one that so many others follow. */
export type Finality =
  { readonly kind: "latest" | "safe" | "finalized" } | { readonly kind: "depth"; readonly depth: bigint };

export interface Block {
  readonly height: Height;
  /** As the node writes it; undefined where it costs another request, or where there is none. */
  readonly hash: string | undefined;
}

/** What a node said, at one time. */
export interface Reading {
  readonly head: Block;
  /** The block that the finality asks for; undefined when the node has none yet. */
  readonly chosen: Block | undefined;
  readonly isSyncing: boolean;
  /** Tells one chain from another: its id, or the hash of its first block; undefined where a node does not tell. */
  readonly chain: string | undefined;
}

/** How to be told of news. What is told is never believed: it only wakes whoever asks. */
export interface Push {
  readonly kind: "websocket" | "events";
  /** Tried in turn, one with each attempt. */
  readonly urls: readonly URL[];
  /** What is sent once a WebSocket is open, as JSON. */
  readonly subscribe: readonly unknown[];
  /** Whether a message of a WebSocket tells of a block. */
  readonly isNews: (message: unknown) => boolean;
}

/** A kind of node: how it is asked for its height. Each method may fail as {@link Node} does. */
export interface Family {
  readonly name: FamilyName;
  /** For people. */
  readonly title: string;
  /** What suits it, where nothing else is configured. */
  readonly quiesce: Quiesce;
  /** Globs, below the volume, of files that a rollback must leave as they are. */
  readonly preserve: readonly string[];
  readonly finalities: readonly Finality["kind"][];
  /** Where it usually listens: a hint for the order in which families are tried. */
  readonly ports: readonly number[];
  read(node: Node, finality: Finality): Promise<Reading>;
  /** The hash of the block at the height; undefined where the node has none there. */
  hashAt?(node: Node, height: Height): Promise<string | undefined>;
  /** Returns when what the node has in memory is on its disk. */
  flush?(node: Node, timeoutMs: number): Promise<void>;
  push?(url: URL, finality: Finality): Push;
  /** What the node answered that shows it is of this family, in words; undefined when it is another's answer. */
  recognise?(node: Node): Promise<string | undefined>;
}

/**
 * Reads what a configuration says: "latest", "safe", "finalized", or a number of blocks ("12", "depth 12").
 *
 * @throws BtmError BAD_OPTION
 * @example
 * parseFinality("depth 12"); // { kind: "depth", depth: 12n }
 */
export function parseFinality(text: string): Finality {
  if (text === "latest" || text === "safe" || text === "finalized") return { kind: text };
  const depth = parseUnsigned(text.replace(/^depth /, ""));
  if (depth !== undefined) return { kind: "depth", depth };
  throw new BtmError(
    "BAD_OPTION",
    `Cannot use the finality ${show(text)}: expected latest, safe, finalized or a depth`,
    {
      hint: 'A depth is a number of blocks, for example "12" or "depth 12"',
    },
  );
}

/** The finality as {@link parseFinality} reads it. */
export function finalityText(finality: Finality): string {
  return finality.kind === "depth" ? `depth ${String(finality.depth)}` : finality.kind;
}

/**
 * The block that a finality asks for, of a chain whose newest block is final at once, or which only knows depths.
 * The hash of a block below the head is left to `hashAt`: it would cost a request each time.
 */
export function chosenBelow(head: Block, finality: Finality): Block | undefined {
  if (finality.kind !== "depth" || finality.depth === 0n) return head;
  if (head.height < finality.depth) return undefined;
  return { height: (head.height - finality.depth) as Height, hash: undefined };
}
