import { describe, expect, it } from "vitest";

import { failureOf } from "../../test/support/expect-code.ts";
import { Followed } from "../../test/support/followed.ts";
import { chainState, hashOf, SCRIPTS } from "../../test/support/scripted-chains.ts";
import { type Fault, ScriptedNode, type Script } from "../../test/support/scripted-node.ts";
import type { Height } from "../height.ts";
import { Follower, type FollowerOptions, type FollowSource } from "./follower.ts";

const LATEST = { kind: "latest" } as const;

/** Without push there is one thing it waits for: the next question. */
function follow(
  { url }: ScriptedNode,
  source: Partial<FollowSource> = {},
  options: Partial<FollowerOptions> = {},
): Followed {
  return new Followed({ url, family: "evm", finality: LATEST, pushUrl: false, ...source }, options);
}

describe("heights", () => {
  it("are handed on as they come, and not made up", async () => {
    const chain = chainState();
    const followed = follow(await ScriptedNode.start(SCRIPTS.evm(chain)));
    await followed.clock.set(1000);
    for (const height of [100n, 101n, 105n]) {
      chain.height = height;
      await followed.poll();
    }
    expect(followed.heights).toEqual([100n, 101n, 105n]);
    expect(followed.kinds).toEqual(["following"]);
  });

  it("above 2^53 are exact", async () => {
    const chain = chainState({ height: 2n ** 53n + 1n });
    const followed = follow(await ScriptedNode.start(SCRIPTS.near(chain)), { family: "near" });
    await followed.until(() => followed.heights.length === 1);
    expect(followed.heights).toEqual([9_007_199_254_740_993n]);
  });

  it("are those that the finality asks for", async () => {
    const chain = chainState();
    const followed = follow(await ScriptedNode.start(SCRIPTS.evm(chain)), { finality: { kind: "finalized" } });
    await followed.clock.set(1000);
    chain.height = 101n;
    await followed.poll();
    chain.finalized = 101n;
    await followed.poll();
    expect(followed.heights).toEqual([80n, 101n]);
  });

  it("go back with a reorganisation of 10 blocks, which is told once", async () => {
    const chain = chainState();
    const followed = follow(await ScriptedNode.start(SCRIPTS.evm(chain)));
    await followed.clock.set(1000);
    Object.assign(chain, { height: 90n, fork: "b" });
    await followed.poll(2);
    chain.height = 95n;
    await followed.poll();
    expect(followed.heights).toEqual([100n, 90n, 95n]);
    expect(followed.kinds).toEqual(["following", "backwards", "following"]);
    expect(followed.states[1]).toMatchObject({ from: 100n, to: 90n, last: 90n });
  });

  it("of a node that is catching up are handed on, and said to be", async () => {
    const chain = chainState({ isSyncing: true });
    const seen: boolean[] = [];
    const followed = follow(
      await ScriptedNode.start(SCRIPTS.evm(chain)),
      {},
      {
        onBlock: (_, { isSyncing }) => seen.push(isSyncing),
      },
    );
    await followed.clock.set(1000);
    Object.assign(chain, { height: 5_000_000n, isSyncing: true });
    await followed.poll();
    Object.assign(chain, { height: 5_000_001n, isSyncing: false });
    await followed.poll();
    expect(seen).toEqual([true, true, false]);
    expect(followed.kinds).toEqual(["syncing", "following"]);
  });

  it("that are a lie are not handed on", async () => {
    const chain = chainState();
    const followed = follow(await ScriptedNode.start(SCRIPTS.evm(chain)));
    await followed.clock.set(1000);
    chain.height = 2n ** 63n + 5n;
    await followed.poll(30);
    chain.height = 101n;
    await followed.poll();
    expect(followed.heights).toEqual([100n, 101n]);
    expect(followed.kinds).toEqual(["following", "lying", "following"]);
  });
});

describe("a node", () => {
  it("that is down at the start is waited for, ever longer, up to half a minute", async () => {
    const chain = chainState();
    const first = await ScriptedNode.start(SCRIPTS.evm(chain));
    await first.stop();
    // Which family it is has to be found out first.
    const followed = new Followed({ url: first.url, finality: LATEST, pushUrl: false });
    for (const wait of [1000, 2000, 4000, 8000, 16_000, 30_000]) await followed.clock.pass(wait);
    await followed.clock.set(30_000);
    expect(followed.kinds).toEqual(["unreachable"]);
    expect(followed.states[0]).toMatchObject({ error: { code: "NODE_UNREACHABLE" }, family: undefined });

    await ScriptedNode.start(SCRIPTS.evm(chain), first.port);
    followed.clock.advance(30_000);
    await followed.until(() => followed.heights.length === 1);
    expect(followed.kinds).toEqual(["unreachable", "following"]);
    expect(followed.states[1]).toMatchObject({ family: "evm", chain: "eip155:1", last: 100n });
  });

  it("that is started anew is found again, and its heights go on", async () => {
    const chain = chainState();
    const first = await ScriptedNode.start(SCRIPTS.evm(chain));
    const followed = follow(first);
    await followed.clock.set(1000);
    await first.stop();
    await followed.clock.pass(1000);
    await followed.until(() => followed.kinds.includes("unreachable"));
    chain.height = 103n;
    await ScriptedNode.start(SCRIPTS.evm(chain), first.port);
    await followed.clock.pass(1000);
    await followed.until(() => followed.heights.length === 2);
    expect(followed.heights).toEqual([100n, 103n]);
    expect(followed.kinds).toEqual(["following", "unreachable", "following"]);
  });

  it.each<[Fault, string]>([
    ["cut", "the connection ended in the middle of the answer"],
    ["closed", "it closed the connection"],
    ["garbage", "something that is not JSON"],
    ["oversized", "more than 1048576 bytes"],
    ["silent", "it was silent for"],
    ["dripping", "it gave no whole answer within"],
    ["redirect", "status 302"],
    [{ status: 401 }, "status 401"],
  ])("that answers with %o is unreachable, until it does not", async (fault, why) => {
    const chain = chainState();
    const server = await ScriptedNode.start(SCRIPTS.evm(chain));
    const isSlow = fault === "silent" || fault === "dripping";
    const followed = follow(server, isSlow ? { silenceMs: 200, timeoutMs: 400 } : {});
    await followed.clock.set(1000);
    server.fault = fault;
    await followed.clock.pass(1000);
    await followed.until(() => followed.kinds.includes("unreachable"));
    expect(followed.follower.state().sentence).toContain(why);
    server.fault = undefined;
    chain.height = 101n;
    // With limits that short it may fail more than once on a busy machine.
    while (!followed.heights.includes(101n)) await followed.clock.passNext();
    expect(followed.follower.state().kind).toBe("following");
  });

  it("whose machine lost its power in between is found silent", async () => {
    const server = await ScriptedNode.start(SCRIPTS.evm(chainState()));
    const followed = follow(server, { silenceMs: 200 });
    while (followed.follower.state().kind !== "following") await followed.clock.passNext();
    server.freeze();
    while (followed.follower.state().kind === "following") await followed.clock.passNext();
    expect(followed.follower.state().sentence).toContain("it was silent for 0.2 s");
  });

  it("of another chain is not used, and told apart as soon as it is back", async () => {
    const chain = chainState();
    const followed = follow(await ScriptedNode.start(SCRIPTS.evm(chain)));
    await followed.clock.set(1000);
    Object.assign(chain, { chain: "two", height: 150n });
    await followed.poll(3);
    expect((await failureOf(followed.follower.look(), "WRONG_CHAIN")).message).toContain('on chain "eip155:2"');
    Object.assign(chain, { chain: "one", height: 102n });
    await followed.poll();
    expect(followed.heights).toEqual([100n, 102n]);
    expect(followed.kinds).toEqual(["following", "wrong-chain", "following"]);
  });

  it("is not of the chain that was configured", async () => {
    const followed = follow(await ScriptedNode.start(SCRIPTS.evm(chainState())), { chain: "eip155:5" });
    await followed.until(() => followed.states.length === 1);
    expect(followed.follower.state()).toMatchObject({ kind: "wrong-chain", chain: "eip155:5" });
    expect(followed.heights).toEqual([]);
  });

  it("that stays where it is is stuck, and free again with the next block", async () => {
    const chain = chainState();
    const followed = follow(await ScriptedNode.start(SCRIPTS.evm(chain)), {}, { stuckAfterMs: 3000 });
    await followed.clock.set(1000);
    await followed.poll(3);
    chain.height = 101n;
    await followed.poll();
    expect(followed.kinds).toEqual(["following", "stuck", "following"]);
  });

  it("of which nothing is known, is looked at again", async () => {
    const server = await ScriptedNode.start({});
    const followed = new Followed({ url: server.url, finality: LATEST });
    await followed.until(() => followed.states.length === 1);
    expect(followed.follower.state()).toMatchObject({ kind: "unreachable", error: { code: "UNKNOWN_CHAIN" } });
    server.script = SCRIPTS.handshake(chainState());
    await followed.clock.pass(1000);
    await followed.until(() => followed.heights.length === 1);
    expect(followed.follower.family()?.name).toBe("handshake");
  });

  it("of a family that does not know the finality is said to be", async () => {
    const server = await ScriptedNode.start(SCRIPTS.bitcoin(chainState()));
    const followed = new Followed({ url: server.url, finality: { kind: "finalized" } });
    await followed.until(() => followed.states.length === 1);
    expect(followed.follower.state().sentence).toContain("Cannot use the finality finalized with bitcoin");
    expect(() => follow(server, { family: "bitcoin", finality: { kind: "safe" } })).toThrow("with bitcoin");
  });
});

it("pays no heed to the clock on the wall", async () => {
  const followed = new Followed(
    { url: (await ScriptedNode.start(SCRIPTS.evm(chainState()))).url, finality: LATEST, pushUrl: false },
    { stuckAfterMs: 5000 },
  );
  await followed.clock.set(1000);
  const { now } = Date;
  Date.now = () => now() + 365 * 86_400_000;
  try {
    await followed.poll(3);
  } finally {
    Date.now = now;
  }
  expect(followed.kinds).toEqual(["following"]);
});

it("looks at once, started or not", async () => {
  const chain = chainState();
  const { url } = await ScriptedNode.start(SCRIPTS.evm(chain));
  const follower = new Follower({
    source: { url, finality: { kind: "depth", depth: 12n } },
    onBlock: () => undefined,
    onState: () => undefined,
  });
  expect(await follower.look()).toEqual({
    head: { height: 100n, hash: hashOf(100n, chain) },
    chosen: { height: 88n, hash: undefined },
    isSyncing: false,
    chain: "eip155:1",
  });
  expect(await follower.hashAt(88n as Height)).toBe(hashOf(88n, chain));
  expect(follower.state()).toMatchObject({ kind: "connecting", sentence: `Connecting to the node at ${url}/` });
  await follower.stop();
  await failureOf(follower.look(), "ABORTED");
  expect(() => {
    follower.start();
  }).toThrow(TypeError);
});

it("refuses one answer out of all proportion, when it is asked at once", async () => {
  const chain = chainState();
  const followed = follow(await ScriptedNode.start(SCRIPTS.evm(chain)));
  await followed.clock.set(1000);
  await followed.poll();
  chain.height = 1_000_000_000_000n;
  const { message } = await failureOf(followed.follower.look(), "NODE_ANSWER");
  expect(message).toContain("says height 1000000000000, and the last one that was believed is 100");
  chain.height = 101n;
  expect((await followed.follower.look()).head.height).toBe(101n);
});

it("flushes what can be", async () => {
  const bitcoin = await ScriptedNode.start(SCRIPTS.bitcoin(chainState()));
  await follow(bitcoin, { family: "bitcoin" }).follower.flush(1000);
  expect(bitcoin.asked.map(({ call }) => call)).toContain("gettxoutsetinfo");
  const evm = await ScriptedNode.start(SCRIPTS.evm(chainState()));
  await failureOf(follow(evm).follower.flush(1000), "BAD_OPTION");
});

describe("stopped", () => {
  it.each(["silent", undefined] as const)("while the node is %s, it leaves no timer and no socket", async (fault) => {
    const server = await ScriptedNode.start(SCRIPTS.evm(chainState()));
    server.fault = fault;
    const followed = new Followed({ url: server.url, family: "evm", finality: LATEST });
    if (fault === undefined) await server.until(() => server.subscriptions.length === 1);
    else await server.until(() => server.asked.length === 3);
    await followed.follower.stop();
    expect(followed.clock.pending).toEqual([]);
    await server.until(() => server.connections === 0);
    expect(followed.kinds).toEqual(fault === undefined ? ["following"] : []);
  });

  it("while it waits for a node that is down, it ends at once", async () => {
    const server = await ScriptedNode.start({});
    await server.stop();
    const followed = follow(server);
    await followed.clock.set(1000);
    await followed.follower.stop();
    expect(followed.clock.pending).toEqual([]);
  });
});

describe("push", () => {
  const header = {
    jsonrpc: "2.0",
    method: "eth_subscription",
    params: { subscription: "0x1", result: { number: "0x65" } },
  };

  async function pushed(
    script: Script,
    source: Partial<FollowSource> = {},
  ): Promise<{ server: ScriptedNode; followed: Followed }> {
    const server = await ScriptedNode.start(script);
    return { server, followed: new Followed({ url: server.url, family: "evm", finality: LATEST, ...source }) };
  }

  /** Two that listen on ports next to each other. */
  async function neighbours(first: Script, second: Script): Promise<{ server: ScriptedNode; feed: ScriptedNode }> {
    for (let tries = 0; tries < 50; tries++) {
      const feed = await ScriptedNode.start(second);
      const server = await ScriptedNode.start(first, feed.port - 1).catch(() => undefined);
      if (server !== undefined) return { server, feed };
      await feed.stop();
    }
    throw new Error("No two ports next to each other are free");
  }

  it("wakes, and the height is asked for", async () => {
    const chain = chainState();
    const { server, followed } = await pushed(SCRIPTS.evm(chain));
    await server.until(() => server.subscriptions.length === 1);
    expect(server.subscriptions).toEqual([{ jsonrpc: "2.0", id: 1, method: "eth_subscribe", params: ["newHeads"] }]);
    chain.height = 101n;
    // The answer to the subscription, and what is not for us, are no news.
    server.announce({ jsonrpc: "2.0", id: 1, result: "0x1" });
    server.announce("garbage");
    server.announce(header);
    // Not more often than every tenth of a second.
    await followed.clock.pass(100);
    await followed.until(() => followed.heights.includes(101n));
    // From then on a question is but a confirmation.
    await followed.clock.set(10_000);
    // What it says is not believed.
    server.announce({ ...header, params: { result: { number: "0xffff" } } });
    await followed.clock.pass(100);
    await followed.clock.set(10_000);
    expect(followed.heights).toEqual([100n, 101n]);
  });

  it("that has died silently is noticed by a ping, and opened again", async () => {
    const { server, followed } = await pushed(SCRIPTS.evm(chainState()));
    await server.until(() => server.subscriptions.length === 1);
    // A ping that is answered is no reason for anything.
    await followed.clock.pass(15_000);
    await followed.clock.set(15_000);
    expect(server.listeners).toBe(1);
    server.fault = "closed";
    server.freeze();
    followed.clock.advance(15_000);
    followed.clock.advance(15_000);
    server.fault = undefined;
    await reopened(server, followed);
  });

  it("that tells of nothing any more is noticed by what is found without, and opened again", async () => {
    const chain = chainState();
    const { server, followed } = await pushed(SCRIPTS.evm(chain));
    await server.until(() => server.subscriptions.length === 1);
    server.announce(header);
    await followed.clock.pass(100);
    await followed.clock.set(10_000);
    chain.height = 102n;
    followed.clock.advance(10_000);
    await followed.until(() => followed.heights.includes(102n));
    await reopened(server, followed);
  });

  it("that was closed is opened again, and meanwhile it is asked each second", async () => {
    const { server, followed } = await pushed(SCRIPTS.evm(chainState()));
    await server.until(() => server.subscriptions.length === 1);
    server.announce(header);
    await followed.clock.pass(100);
    await followed.clock.set(10_000);
    server.hangUp();
    await reopened(server, followed);
  });

  it("that there is none is no harm", async () => {
    const chain = chainState();
    const { rpc } = SCRIPTS.evm(chain);
    const { followed } = await pushed({ rpc: rpc ?? {} });
    await followed.until(() => followed.heights.length === 1);
    chain.height = 101n;
    followed.clock.advance(1000);
    await followed.until(() => followed.heights.length === 2);
    expect(followed.kinds).toEqual(["following"]);
  });

  it("can be elsewhere", async () => {
    const elsewhere = await ScriptedNode.start({ socketPath: "/feed" });
    const { rpc } = SCRIPTS.evm(chainState());
    const pushUrl = `ws://127.0.0.1:${String(elsewhere.port)}/feed`;
    await pushed({ rpc: rpc ?? {} }, { pushUrl });
    await elsewhere.until(() => elsewhere.subscriptions.length === 1);
  });

  it.each([
    ["cometbft", { result: { data: { type: "tendermint/event/NewBlockHeader" } } }, { result: {} }],
    ["substrate", { method: "chain_newHead", params: {} }, { result: "abc" }],
    ["avalanche", header, { result: "0x1" }],
  ] as const)("of %s wakes", async (family, message, acceptance) => {
    const chain = chainState();
    const { server, followed } = await pushed(SCRIPTS[family](chain), { family });
    await server.until(() => server.subscriptions.length === 1);
    chain.height = 101n;
    server.announce(acceptance);
    server.announce(message);
    await followed.clock.pass(100);
    await followed.until(() => followed.heights.includes(101n));
  });

  it.each([
    ["that its family supposes is told no password", undefined],
    ["that is configured is told the password", "configured"],
  ])("of another port %s", async (_, push) => {
    const { server, feed } = await neighbours(SCRIPTS.solana(chainState()), { socketPath: "/" });
    const pushUrl = push === undefined ? {} : { pushUrl: `ws://127.0.0.1:${String(feed.port)}` };
    const source = { url: server.url, family: "solana", user: "rpc", password: "hunter2", ...pushUrl } as const;
    const followed = new Followed({ finality: LATEST, ...source });
    await feed.until(() => feed.subscriptions.length === 1);
    expect(feed.upgrades.map(({ authorization }) => authorization !== undefined)).toEqual([push !== undefined]);
    await followed.follower.stop();
  });

  it("of solana wakes", async () => {
    const chain = chainState();
    const feed = await ScriptedNode.start({ socketPath: "/" });
    const pushUrl = `ws://127.0.0.1:${String(feed.port)}`;
    const { followed } = await pushed(SCRIPTS.solana(chain), { family: "solana", pushUrl });
    await feed.until(() => feed.subscriptions.length === 1);
    expect(feed.subscriptions).toMatchObject([{ method: "slotSubscribe" }]);
    chain.height = 101n;
    feed.announce({ method: "slotNotification", params: { result: { slot: 101 } } });
    await followed.clock.pass(100);
    await followed.until(() => followed.heights.includes(101n));
  });

  it("of a beacon node is a stream of events, in pieces or whole", async () => {
    const chain = chainState();
    const { server, followed } = await pushed(SCRIPTS.beacon(chain), { family: "beacon" });
    await server.until(() => server.listeners === 1);
    expect(server.asked.at(-1)?.path).toBe("/eth/v1/events?topics=head%2Cfinalized_checkpoint");
    chain.height = 101n;
    server.emit(": nothing\n\n");
    server.emit("event: head\nda");
    server.emit('ta: {"slot":"101"}\n\n');
    await followed.clock.pass(100);
    await followed.until(() => followed.heights.includes(101n));
    await followed.clock.set(10_000);

    // A minute of silence ends it.
    followed.clock.advance(60_000);
    await server.until(() => server.listeners === 0);
    await followed.clock.pass(1000);
    await server.until(() => server.listeners === 1);
  });

  /** A new channel has been opened, a second after the old one ended. */
  async function reopened(server: ScriptedNode, followed: Followed): Promise<void> {
    const before = server.subscriptions.length;
    await followed.clock.set(1000);
    while (server.subscriptions.length === before) {
      followed.clock.advance(1000);
      await followed.clock.set(1000);
    }
  }
});
