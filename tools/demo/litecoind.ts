import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import * as v from "valibot";

import { LITECOIND } from "./machine.ts";
import { NotReadyError, Rpc } from "./rpc.ts";
import { childOptions, type Stage } from "./run.ts";
import { freePort } from "../free-port.ts";

const PATIENCE_MS = 60_000;
/** Any address will do: nobody spends what is mined here. */
const MINERS_ADDRESS = "rltc1qyaxsvjgfaaaag9wcqjs0qtj5r0y6c84hc0chl4";

/** The newest block of a chain. */
export interface Tip {
  readonly height: number;
  readonly hash: string;
}

/** A real Litecoin node with a chain of its own ("regtest"), on which blocks are mined at will. */
export class Litecoind {
  readonly #process: ChildProcess;
  readonly #ended: Promise<string>;
  readonly #rpc: Rpc;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(child: ChildProcess, ended: Promise<string>, rpc: Rpc) {
    this.#process = child;
    this.#ended = ended;
    this.#rpc = rpc;
  }

  /** Starts a node on the data directory, and waits until it answers. */
  static async start(stage: Stage, dataFolder: string): Promise<Litecoind> {
    const port = await freePort();
    const child = spawn(LITECOIND, [...flags, `-datadir=${dataFolder}`, `-rpcport=${String(port)}`], {
      ...childOptions(stage),
      stdio: ["ignore", "ignore", "pipe"],
    });
    const ended = Promise.all([text(child.stderr), once(child, "close")]).then(([stderr, [status, signal]]) =>
      `${String(signal ?? status)} ${stderr}`.trim(),
    );
    // It is awaited later, or never.
    ended.catch(() => undefined);
    const rpc = await Promise.race([
      answering(port, join(dataFolder, "regtest", ".cookie"), stage.signal),
      ended.then((end) => {
        throw new Error(`litecoind ended instead of starting: ${end}`);
      }),
    ]);
    return new Litecoind(child, ended, rpc);
  }

  /** Stops the node as its service would; it writes out everything it has in memory. */
  async stop(): Promise<void> {
    this.#process.kill("SIGTERM");
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), PATIENCE_MS);
    const end = await this.#ended;
    clearTimeout(timer);
    if (end !== "0") throw new Error(`litecoind did not stop cleanly: ${end}`);
  }

  async tip(): Promise<Tip> {
    const form = v.object({ blocks: v.number(), bestblockhash: v.string() });
    const { blocks, bestblockhash } = await this.#rpc.call(form, "getblockchaininfo");
    return { height: blocks, hash: bestblockhash };
  }

  /** Waits for the chain to reach a height, a second at most; gives the height it has then. */
  async waitFor(height: number): Promise<number> {
    const answer = await this.#rpc.call(v.object({ height: v.number() }), "waitforblockheight", height, 1000);
    return answer.height;
  }

  async mine(blocks: number): Promise<void> {
    await this.#inTurn(() => this.#rpc.call(v.array(v.string()), "generatetoaddress", blocks, MINERS_ADDRESS));
  }

  /**
   * Has the node write its state to the disk, and gives the block that stands there: what comes after stays in memory for
   * an hour or more. The Bitcoin family has no call for just that, but this one does it before it counts.
   *
   * Between two blocks: of one that arrives meanwhile the index may be written and the state not, and a node started there
   * connects it and stands one block higher (seen in 1 of 30 flushes).
   */
  async flush(): Promise<Tip> {
    const form = v.object({ height: v.number(), bestblock: v.string() });
    const { height, bestblock } = await this.#inTurn(() => this.#rpc.call(form, "gettxoutsetinfo"));
    return { height, hash: bestblock };
  }

  /** Does one thing after the other; a failure is the caller's, not the next one's. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}

const flags = [
  "-regtest",
  "-listen=0",
  "-dns=0",
  "-dnsseed=0",
  "-upnp=0",
  "-disablewallet",
  "-printtoconsole=0",
  // MWEB would begin at block 432 of regtest, and a chain without MWEB transactions cannot go on from there
  // (litecoin-project/litecoin issues 807 and 1082).
  "-vbparams=mweb:-2:0",
];

async function answering(port: number, cookieFile: string, signal: AbortSignal): Promise<Rpc> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      // Read afresh each time: until the node has written its own, this is missing or the one that the snapshot holds.
      const rpc = new Rpc(port, await readFile(cookieFile, "utf8"), signal);
      await rpc.call(v.unknown(), "getblockchaininfo");
      return rpc;
    } catch (error) {
      if (!isTooEarly(error) || Date.now() > deadline) throw error;
    }
    await sleep(25, undefined, { signal });
  }
}

function isTooEarly(error: unknown): boolean {
  if (error instanceof NotReadyError) return true;
  const cause: unknown = error instanceof TypeError ? error.cause : error;
  return cause instanceof Error && "code" in cause && ["ENOENT", "ECONNREFUSED"].includes(String(cause.code));
}
