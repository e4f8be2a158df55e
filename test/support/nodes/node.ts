import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

import { familyOf } from "../../../src/chain/families.ts";
import type { Block, FamilyName } from "../../../src/chain/family.ts";
import { NodeClient } from "../../../src/chain/node-client.ts";
import { freePort } from "../../../tools/free-port.ts";

/** A kind of real node that tests run, each instance on a chain of its own in a folder. */
export interface NodeKind {
  /** As its users call it. */
  readonly name: string;
  readonly family: FamilyName;
  /** Undefined when it is not on this machine: why. */
  readonly missing: () => string | undefined;
  /**
   * What is run on a data folder, listening at the port; made ready before when it needs that.
   *
   * @param isCopy a copy is asked where it stands, and makes no blocks by itself
   */
  readonly command: (folder: string, port: number, isCopy: boolean) => Promise<NodeCommand>;
  /** Whether its log may hold one block more than it says, which it finishes when it starts. */
  readonly mayFinishOne?: boolean;
  /** By which it ends cleanly. SIGTERM when absent. */
  readonly stopSignal?: NodeJS.Signals;
  /** What it prints once it is all there, where that is after its first answer. */
  readonly readyLine?: string;
  /** A block, or a transaction for one, the i-th; absent where blocks come by themselves and transactions are hard to make. */
  readonly load?: (client: NodeClient, i: number) => Promise<unknown>;
}

export interface NodeCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Below the folder. */
  readonly cookie?: string;
}

const PATIENCE_MS = 90_000;
/** Of what it printed, in characters, that is kept. */
const MOST = 200_000;

/** A node that runs, and answers. */
export class RunningNode {
  readonly kind: NodeKind;
  readonly url: string;
  readonly cookie: string | undefined;
  readonly client: NodeClient;
  readonly child: ChildProcess;
  readonly #ended: Promise<string>;
  #said = "";

  private constructor(kind: NodeKind, url: string, cookie: string | undefined, folder: string, child: ChildProcess) {
    this.kind = kind;
    this.url = url;
    this.cookie = cookie;
    this.child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (chunk: string) => {
        this.#said = (this.#said + chunk).slice(-MOST);
        child.emit("said");
      });
    }
    this.#ended = once(child, "close").then(([status, signal]) =>
      `${String(signal ?? status)} ${this.#said.slice(-2000)}`.trim(),
    );
    // A node that makes many blocks at once is silent meanwhile.
    const patience = { timeoutMs: PATIENCE_MS, silenceMs: PATIENCE_MS };
    this.client = new NodeClient({
      url,
      ...patience,
      ...(cookie === undefined ? {} : { cookieFile: `${folder}/${cookie}` }),
    });
  }

  /** Starts one on a data folder, and waits until it tells its height. */
  static async start(kind: NodeKind, folder: string, { isCopy = false } = {}): Promise<RunningNode> {
    const port = await freePort();
    const { file, args, env = {}, cookie } = await kind.command(folder, port, isCopy);
    const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"], env: { PATH: process.env["PATH"], ...env } });
    const node = new RunningNode(kind, `http://127.0.0.1:${String(port)}`, cookie, folder, child);
    const ended = node.#ended.then((end) => {
      throw new Error(`${kind.name} ended instead of starting: ${end}`);
    });
    ended.catch(() => undefined);
    await Promise.race([node.#answers(), ended]);
    return node;
  }

  async tip(): Promise<Block> {
    return (await familyOf(this.kind.family).read(this.client, { kind: "latest" })).head;
  }

  /** Waits until it prints that, if it has not of late; fails when it ends before. */
  async says(what: string): Promise<void> {
    const ended = this.#ended.then((end) => {
      throw new Error(`${this.kind.name} ended before it said ${what}: ${end}`);
    });
    ended.catch(() => undefined);
    while (!this.#said.includes(what)) await Promise.race([once(this.child, "said"), ended]);
  }

  /** Ends it cleanly, as its service is stopped. */
  async stop(): Promise<void> {
    await this.end(this.kind.stopSignal ?? "SIGTERM");
  }

  /** Ends it: SIGKILL as a machine does. */
  async end(signal: NodeJS.Signals): Promise<void> {
    this.client.close();
    this.child.kill(signal);
    const timer = setTimeout(() => this.child.kill("SIGKILL"), PATIENCE_MS);
    await this.#ended;
    clearTimeout(timer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end("SIGKILL");
  }

  async #answers(): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      try {
        await this.tip();
        break;
      } catch (error) {
        if (Date.now() > deadline) throw error;
      }
      await sleep(25);
    }
    if (this.kind.readyLine !== undefined) await this.says(this.kind.readyLine);
  }
}
