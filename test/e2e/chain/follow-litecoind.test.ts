/** The follower on a real node of the Bitcoin family, which is killed and started again. It needs litecoind. */
import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";

import { detectFamily } from "../../../src/chain/detect-family.ts";
import { Follower, type FollowState } from "../../../src/chain/follower.ts";
import { NodeClient } from "../../../src/chain/node-client.ts";
import { isBtmError } from "../../../src/errors.ts";
import { LITECOIND } from "../../../tools/demo/machine.ts";
import { failureOf } from "../../support/expect-code.ts";
import { freePort } from "../../../tools/free-port.ts";

/** A node with a chain of its own, always on the same port. */
class Node {
  readonly url: string;
  readonly cookieFile: string;
  readonly #folder: string;
  readonly #port: number;
  #process: ChildProcess | undefined;

  private constructor(folder: string, port: number) {
    this.#folder = folder;
    this.#port = port;
    this.url = `http://127.0.0.1:${String(port)}`;
    this.cookieFile = join(folder, "regtest/.cookie");
  }

  static async make(): Promise<Node> {
    const folder = await mkdtemp(join(tmpdir(), "btm-follow-"));
    const node = new Node(folder, await freePort());
    onTestFinished(async () => {
      await node.kill();
      await rm(folder, { recursive: true });
    });
    return node;
  }

  start(): void {
    const flags = ["-regtest", "-listen=0", "-dns=0", "-dnsseed=0", "-upnp=0", "-disablewallet", "-printtoconsole=0"];
    this.#process = spawn(LITECOIND, [...flags, `-datadir=${this.#folder}`, `-rpcport=${String(this.#port)}`], {
      stdio: "ignore",
    });
  }

  async kill(): Promise<void> {
    const { exitCode, signalCode } = this.#process ?? { exitCode: 0, signalCode: null };
    if (this.#process === undefined || exitCode !== null || signalCode !== null) return;
    this.#process.kill("SIGKILL");
    await once(this.#process, "exit");
  }
}

test("litecoind is recognised and followed, from before its start through a kill, to the height that it has lost", async () => {
  const node = await Node.make();
  const client = new NodeClient(node);
  const news = new EventEmitter();
  const heights: bigint[] = [];
  const states: FollowState[] = [];
  const follower = new Follower({
    source: { url: node.url, cookieFile: node.cookieFile, finality: { kind: "latest" } },
    intervalMs: 50,
    onBlock: ({ height }) => {
      heights.push(height);
      news.emit("news");
    },
    onState: (state) => {
      states.push(state);
      news.emit("news");
    },
  });
  onTestFinished(async () => {
    await follower.stop();
    client.close();
  });
  const until = async (isSo: () => boolean): Promise<void> => {
    while (!isSo()) await once(news, "news");
  };
  const mine = async (blocks: number): Promise<void> => {
    await client.call("generatetoaddress", [blocks, "rltc1qyaxsvjgfaaaag9wcqjs0qtj5r0y6c84hc0chl4"]);
  };

  follower.start();
  await until(() => states.length === 1);
  expect(states[0]).toMatchObject({ kind: "unreachable", error: { code: "NODE_UNREACHABLE" } });

  // Its first block is years old: it takes itself to be catching up.
  node.start();
  await until(() => heights.length === 1);
  expect(heights).toEqual([0n]);
  expect(follower.state()).toMatchObject({ kind: "syncing", family: "bitcoin" });
  expect(await detectFamily(client)).toEqual({
    family: "bitcoin",
    why: "getblockchaininfo answered with chain regtest",
  });

  await mine(101);
  await until(() => heights.at(-1) === 101n);
  const reading = await follower.look();
  expect(reading).toMatchObject({ head: { height: 101n }, isSyncing: false });
  expect(reading.chain).toMatch(/^regtest:[0-9a-f]{64}$/);
  expect(await follower.hashAt(reading.head.height)).toBe(reading.head.hash);
  await follower.flush(60_000);

  // What comes after the flush is only in memory.
  await mine(9);
  await until(() => heights.at(-1) === 110n);
  await node.kill();
  await until(() => follower.state().kind === "unreachable");
  await failureOf(follower.look(), "NODE_UNREACHABLE");

  // With another cookie.
  node.start();
  await until(() => follower.state().kind !== "unreachable");
  await until(() => heights.at(-1) === 101n);
  expect(states.findLast(({ kind }) => kind === "backwards")).toMatchObject({ from: 110n, to: 101n });
  await mine(3);
  await until(() => heights.at(-1) === 104n);
  expect(follower.state()).toMatchObject({ kind: "following", family: "bitcoin", last: 104n });
  expect(states.every(({ error }) => error === undefined || isBtmError(error))).toBe(true);
});
