import { setTimeout } from "node:timers/promises";

import { detectFamily } from "../chain/detect-family.ts";
import { familyOf } from "../chain/families.ts";
import { type Family, FAMILY_NAMES } from "../chain/family.ts";
import { NodeClient, statusOf } from "../chain/node-client.ts";
import { type BtmError, isBtmError } from "../errors.ts";
import type { Height } from "../height.ts";
import type { NodeJob } from "./job.ts";

/** Where a node stands. */
export interface Head {
  readonly height: bigint;
  readonly hash: string | undefined;
  readonly chain: string | undefined;
  readonly family: string;
  /** Of the block at the height that was asked about. */
  readonly hashOf: string | undefined;
}

const PAUSE_MS = 250;
/**
 * A node may answer before it has connected the last blocks that it has on its disk: another height than the wanted one is
 * believed when it stays so for this long.
 */
const SETTLE_MS = 3000;

/** Asks a node that is being started, until it has answered. */
export class HeadReader {
  /** Where it stands; undefined as long as it has not answered. */
  head: Head | undefined;
  /** When it first answered, as performance.now() has it. */
  answeredAt: number | undefined;
  /** Of the last failure. */
  why: string | undefined;
  /** Whether the node refused who asked, or nobody could ask because the cookie is not where it should be. */
  lacks: "credentials" | "cookie" | undefined;
  readonly #node: NodeJob;
  readonly #client: NodeClient;
  readonly #closed = new AbortController();
  readonly #done: Promise<void>;
  #family: Family | undefined;

  constructor(node: NodeJob) {
    this.#node = node;
    const { url, cookieFile } = node;
    this.#client = new NodeClient({ url, ...(cookieFile === null ? {} : { cookieFile }) });
    const name = FAMILY_NAMES.find((one) => one === node.family);
    this.#family = name === undefined ? undefined : familyOf(name);
    this.#done = this.#ask();
  }

  /** Asks no more. */
  async close(): Promise<void> {
    this.#closed.abort();
    // A node waits for its callers when it is to end.
    this.#client.close();
    await this.#done;
  }

  async #ask(): Promise<void> {
    const { signal } = this.#closed;
    const low = BigInt(this.#node.wanted.low);
    let last: bigint | undefined;
    let since = 0;
    while (!signal.aborted) {
      const head = await this.#read();
      if (head !== undefined) {
        const now = performance.now();
        this.answeredAt ??= now;
        if (head.height !== last) [last, since] = [head.height, now];
        // Above, it will not come back; a chain that makes blocks by itself never stays.
        if (head.height >= low || now - since >= SETTLE_MS) {
          this.head = head;
          return;
        }
      }
      await setTimeout(PAUSE_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  /** undefined when it does not answer, or not yet in a way that can be used: it is being started. */
  async #read(): Promise<Head | undefined> {
    try {
      this.#family ??= familyOf((await detectFamily(this.#client)).family);
      const family = this.#family;
      const { head, chain } = await family.read(this.#client, { kind: "latest" });
      const hash = head.hash ?? (await family.hashAt?.(this.#client, head.height));
      const of = BigInt(this.#node.wanted.of) as Height;
      const hashOf = of === head.height ? hash : of < head.height ? await family.hashAt?.(this.#client, of) : undefined;
      return { height: head.height, hash, chain, family: family.name, hashOf };
    } catch (error) {
      // Also what nobody thought of: a node that answers so is not ready, or never will be.
      this.why = isBtmError(error) ? reason(error) : String(error);
      const status = statusOf(error);
      const hasNoCookie = isBtmError(error) && "cookieFile" in error.details;
      this.lacks = status === 401 || status === 403 ? "credentials" : hasNoCookie ? "cookie" : undefined;
      return undefined;
    }
  }
}

function reason({ message, hint }: BtmError): string {
  return hint === undefined ? message : `${message} (${hint})`;
}
