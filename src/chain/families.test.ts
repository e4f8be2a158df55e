import { setImmediate } from "node:timers/promises";

import { describe, expect, it, onTestFinished } from "vitest";

import { failureOf } from "../../test/support/expect-code.ts";
import { chainState, type ChainState, hashOf, SCRIPTS } from "../../test/support/scripted-chains.ts";
import { RpcFault, ScriptedNode } from "../../test/support/scripted-node.ts";
import type { Height } from "../height.ts";
import { detectFamily } from "./detect-family.ts";
import { checkFinality, FAMILIES, familyOf } from "./families.ts";
import { type Family, FAMILY_NAMES, type FamilyName, parseFinality, type Reading } from "./family.ts";
import { httpFamily } from "./http.ts";
import { NodeClient } from "./node-client.ts";

interface Told extends ChainState {
  readonly server: ScriptedNode;
  readonly node: NodeClient;
  readonly family: Family;
}

async function chainOf(name: Exclude<FamilyName, "http">, state: Partial<ChainState> = {}, path = ""): Promise<Told> {
  const told = chainState(state);
  const server = await ScriptedNode.start(SCRIPTS[name](told));
  return Object.assign(told, { server, node: clientOf(server, path), family: familyOf(name) });
}

function clientOf(server: ScriptedNode, path = ""): NodeClient {
  const node = new NodeClient({ url: server.url + path });
  onTestFinished(() => {
    node.close();
  });
  return node;
}

function read({ family, node }: Told, finality = "latest"): Promise<Reading> {
  return family.read(node, parseFinality(finality));
}

const scripted = FAMILY_NAMES.filter((name) => name !== "http");

it("has every family once, by its name", () => {
  expect(FAMILIES.map(({ name }) => name).toSorted()).toEqual(scripted.toSorted());
});

describe.each(scripted)("%s", (name) => {
  it("tells the newest block", async () => {
    const told = await chainOf(name);
    const reading = await read(told);
    expect(reading).toMatchObject({ head: { height: 100n }, chosen: { height: 100n }, isSyncing: false });
    expect(reading.chain).not.toBe("");
    // Where it costs nothing.
    if (!["solana", "aptos", "sui"].includes(name)) expect(reading.head.hash).toBe(hashOf(100n, told));
  });

  it("tells that it is catching up", async () => {
    const told = await chainOf(name, { isSyncing: true });
    expect((await read(told)).isSyncing).toBe(name !== "sui");
  });

  it("answers each finality that it knows, and refuses others", async () => {
    const told = await chainOf(name);
    const isInstant = ["cometbft", "aptos", "sui", "avalanche"].includes(name);
    for (const kind of ["safe", "finalized"] as const) {
      if (!told.family.finalities.includes(kind)) {
        expect(() => {
          checkFinality(told.family, { kind });
        }).toThrow(`Cannot use the finality ${kind} with ${name}`);
        continue;
      }
      const height = isInstant ? 100n : told[kind];
      expect((await read(told, kind)).chosen?.height, kind).toBe(height);
    }
    expect((await read(told, "12")).chosen?.height).toBe(88n);
    expect((await read(told, "0")).chosen?.height).toBe(100n);
    expect((await read(told, "101")).chosen).toBeUndefined();
  });

  it("fails as one when nobody listens, whatever else it has asked", async () => {
    const told = await chainOf(name);
    await told.server.stop();
    await failureOf(read(told), "NODE_UNREACHABLE");
    // What is rejected without a handler ends a daemon; vitest fails with it.
    await setImmediate();
  });

  it("refuses what is longer than a snapshot may keep", async () => {
    const told = await chainOf(name, { chain: "c".repeat(201) });
    const { head, chain } = await read(told).catch((error: unknown) => {
      expect(error).toMatchObject({ code: "NODE_ANSWER" });
      return { head: undefined, chain: undefined };
    });
    for (const text of [head?.hash, chain]) expect((text ?? "").length).toBeLessThanOrEqual(200);
  });

  it("tells the hash of a block, and that there is none", async () => {
    const told = await chainOf(name);
    expect(await told.family.hashAt?.(told.node, 95n as Height)).toBe(hashOf(95n, told));
    expect(await told.family.hashAt?.(told.node, 900n as Height)).toBeUndefined();
  });

  it("tells a height above 2^53 exactly", async () => {
    const told = await chainOf(name, { height: 2n ** 53n + 1n });
    expect((await read(told)).head.height).toBe(9_007_199_254_740_993n);
  });

  it("tells one chain from another", async () => {
    // The blocks are the same, but not what the chain is called.
    const chains = await Promise.all(
      ["one", "two"].map(async (chain) => (await read(await chainOf(name, { chain }))).chain),
    );
    expect(chains[0]).not.toEqual(chains[1]);
  });

  it("is recognised, by its answer", async () => {
    const { server, node } = await chainOf(name);
    const { family, why } = await detectFamily(node);
    expect({ family, why }).toEqual({ family: name, why: expect.stringMatching(/answered with/) as string });
    expect(server.asked.length).toBeGreaterThan(0);
  });

  it("is no other family", async () => {
    const { node } = await chainOf(name);
    const others: string[] = [];
    for (const other of FAMILIES) {
      const why = await other.recognise?.(node).catch(() => undefined);
      if (why !== undefined) others.push(other.name);
    }
    expect(others).toEqual([name]);
  });

  it("refuses an answer without the height", async () => {
    const told = await chainOf(name);
    told.server.fault = { status: 200, body: '{"jsonrpc":"2.0","result":{"foo":[1]},"data":{}}' };
    const { message } = await failureOf(read(told), "NODE_ANSWER");
    expect(message).toMatch(/The answer to .* has (nothing|an object)/);
  });

  it("gives URLs for push on the host of the node", async () => {
    const { family, node } = await chainOf(name);
    for (const url of family.push?.(node.url, { kind: "latest" }).urls ?? []) expect(url.hostname).toBe("127.0.0.1");
  });
});

it("evm: before the first final block there is none", async () => {
  const told = await chainOf("evm", { finalized: undefined, safe: undefined });
  expect((await read(told, "finalized")).chosen).toBeUndefined();
  // As @ethereumjs/client has it.
  const { rpc } = told.server.script;
  told.server.script = {
    rpc: {
      ...rpc,
      eth_getBlockByNumber: (params) =>
        (params as string[])[0] === "finalized" ? null : rpc?.["eth_getBlockByNumber"]?.(params),
    },
  };
  expect((await read(told, "finalized")).chosen).toBeUndefined();
});

it("evm: a node without eth_syncing has nothing to sync", async () => {
  const told = await chainOf("evm");
  const { eth_syncing, ...rpc } = told.server.script.rpc ?? {};
  expect(eth_syncing).toBeDefined();
  told.server.script = { rpc };
  expect((await read(told)).isSyncing).toBe(false);
});

it("evm: the port of WebSockets is tried first where HTTP has its own", () => {
  const urls = familyOf("evm").push?.(new URL("http://node:8545/"), { kind: "latest" }).urls ?? [];
  expect(urls.map(String)).toEqual(["ws://node:8546/", "ws://node:8545/"]);
});

it("solana: WebSockets are one port above, but behind a proxy", () => {
  const urlsOf = (url: string): string[] =>
    (familyOf("solana").push?.(new URL(url), { kind: "finalized" }).urls ?? []).map(String);
  expect(urlsOf("http://node:8899/")).toEqual(["ws://node:8900/"]);
  expect(urlsOf("https://rpc.example.org/")).toEqual(["wss://rpc.example.org/"]);
});

it("beacon: before the first justified checkpoint there is none", async () => {
  const told = await chainOf("beacon", { safe: undefined });
  expect((await read(told, "safe")).chosen).toBeUndefined();
});

it("beacon: a checkpoint that is none is refused", async () => {
  const told = await chainOf("beacon");
  const { rest } = told.server.script;
  const checkpoints = (): unknown => ({ data: { current_justified: { root: "\ud800" } } });
  told.server.script = { rest: { ...rest, "/eth/v1/beacon/states/head/finality_checkpoints": checkpoints } };
  await failureOf(read(told, "safe"), "NODE_ANSWER");
});

it("cometbft: a chain before its first block stands at 0", async () => {
  const told = await chainOf("cometbft", { height: 0n });
  expect((await read(told)).head).toEqual({ height: 0n, hash: undefined });
});

it("cometbft: no block is at 0", async () => {
  const told = await chainOf("cometbft");
  expect(await told.family.hashAt?.(told.node, 0n as Height)).toBeUndefined();
});

it("cometbft: an answer without the envelope of JSON-RPC is read too", async () => {
  const told = await chainOf("cometbft");
  const status = told.server.script.rest?.["/status"];
  told.server.script = { rest: { "/status": () => (status?.() as { result: unknown }).result } };
  expect((await read(told)).head.height).toBe(100n);
});

it("cometbft: only its signing state must survive a rollback", () => {
  expect(familyOf("cometbft").preserve).toEqual(["**/priv_validator_state.json"]);
});

it.each([
  [{ initialblockdownload: true }, true],
  [{ initial_block_download_complete: false }, true],
  [{ initial_block_download_complete: true, headers: 900 }, false],
  [{ headers: 110 }, false],
  [{ headers: 111 }, true],
])("bitcoin: relatives tell by %o that they are catching up", async (words, isSyncing) => {
  const told = await chainOf("bitcoin");
  const { rpc } = told.server.script;
  const info = { chain: "main", blocks: 100, headers: 100, bestblockhash: "00", ...words };
  told.server.script = { rpc: { ...rpc, getblockchaininfo: () => info } };
  expect((await read(told)).isSyncing).toBe(isSyncing);
  expect((await detectFamily(told.node)).family).toBe("bitcoin");
});

it("bitcoin: a flush spares the hash, and an old node takes no argument", async () => {
  const told = await chainOf("bitcoin");
  await told.family.flush?.(told.node, 60_000);
  const flushes = (): unknown[] =>
    told.server.asked.filter(({ call }) => call === "gettxoutsetinfo").map(({ params }) => params);
  expect(flushes()).toEqual([["none"]]);

  const { rpc } = told.server.script;
  told.server.script = {
    rpc: {
      ...rpc,
      gettxoutsetinfo: (params) => {
        if ((params as unknown[]).length > 0) throw new RpcFault(-1, "gettxoutsetinfo\n\nReturns...", { status: 500 });
        return { height: 100 };
      },
    },
  };
  await told.family.flush?.(told.node, 60_000);
  expect(flushes()).toEqual([["none"], ["none"], []]);
});

it("bitcoin: a flush that fails says so", async () => {
  const told = await chainOf("bitcoin");
  told.server.script = {
    rpc: {
      gettxoutsetinfo: () => {
        throw new RpcFault(-32_603, "Unable to read UTXO set", { status: 500 });
      },
    },
  };
  const { message } = await failureOf(told.family.flush?.(told.node, 60_000) ?? Promise.resolve(), "NODE_ANSWER");
  expect(message).toContain('error -32603: "Unable to read UTXO set"');
});

it("bitcoin: a node that loads its index is starting, and is asked again later", async () => {
  const told = await chainOf("bitcoin");
  const starting = (): never => {
    throw new RpcFault(-28, "Loading block index...", { status: 500 });
  };
  told.server.script = { rpc: { getblockchaininfo: starting, getblockhash: starting } };
  await failureOf(read(told), "NODE_UNREACHABLE");
  await failureOf(detectFamily(told.node), "NODE_UNREACHABLE");
});

it("avalanche: the URL of the P-chain gives its height", async () => {
  const told = await chainOf("avalanche", { height: 56n }, "/ext/bc/P");
  expect(await read(told)).toMatchObject({ head: { height: 56n, hash: undefined }, chain: "avalanche:one" });
  expect(await told.family.hashAt?.(told.node, 50n as Height)).toBeUndefined();
  expect(told.family.push?.(told.node.url, { kind: "latest" }).urls).toEqual([]);
});

it("avalanche: the URL of a chain is the one that is asked", async () => {
  const told = await chainOf("avalanche", {}, "/ext/bc/C/rpc");
  expect((await read(told)).head.height).toBe(100n);
  const [url] = told.family.push?.(told.node.url, { kind: "latest" }).urls ?? [];
  expect(url?.pathname).toBe("/ext/bc/C/ws");
});

it("avalanche: a node without its info API is read all the same", async () => {
  const told = await chainOf("avalanche");
  told.server.script = { ...told.server.script, rpcPaths: ["/ext/bc/C/rpc"] };
  expect(await read(told)).toMatchObject({ head: { height: 100n }, isSyncing: false });
});

it("aptos: the URL may name the version of the API", async () => {
  const told = await chainOf("aptos", {}, "/v1");
  expect((await read(told)).head.height).toBe(100n);
});

describe("http", () => {
  async function readOf(
    answer: unknown,
    options: Parameters<typeof httpFamily>[0],
    finality = "latest",
  ): Promise<Reading> {
    const server = await ScriptedNode.start({ rest: { "/height?of=tip": () => answer } });
    return httpFamily(options).read(clientOf(server, "/height?of=tip"), parseFinality(finality));
  }

  it.each([
    [{ a: { b: [{ n: "0x64" }] } }, { path: "a.b[0].n" }, 100n],
    [{ n: "100" }, { path: "n" }, 100n],
    [{ n: 100 }, { path: "n", base: "dec" }, 100n],
    [{ n: "64" }, { path: "n", base: "hex" }, 100n],
    [{ n: 2n ** 53n + 1n }, { path: "n" }, 2n ** 53n + 1n],
    [{ n: 101 }, { path: "n", offset: -1n }, 100n],
    [{ n: 2n ** 64n - 1n }, { path: "n" }, 2n ** 64n - 1n],
    [7, { path: "" }, 7n],
  ] as const)("reads %o with %o", async (answer, options, height) => {
    expect((await readOf(answer, options)).head.height).toBe(height);
  });

  it.each([
    [{ n: -1 }, { path: "n" }],
    [{ n: 1.5 }, { path: "n" }],
    [{ n: "1e3" }, { path: "n" }],
    [{ n: "" }, { path: "n" }],
    [{ n: " 1" }, { path: "n" }],
    [{ n: "0x" }, { path: "n" }],
    [{ n: null }, { path: "n" }],
    [{ n: true }, { path: "n" }],
    [{ n: [1] }, { path: "n" }],
    [{ n: 0 }, { path: "n", offset: -1n }],
    [{ n: 2n ** 64n }, { path: "n" }],
    [{ n: 100 }, { path: "n", base: "hex" }],
    [{ n: "0x64" }, { path: "n", base: "dec" }],
    [{ n: [1, 2] }, { path: "n.length" }],
    [{ n: 1 }, { path: "constructor" }],
    [{ n: 1 }, { path: "m" }],
  ] as const)("refuses %o with %o", async (answer, options) => {
    await failureOf(readOf(answer, options), "NODE_ANSWER");
  });

  it("reads the hash and the chain from the same answer", async () => {
    const answer = { tip: { n: 100, hash: "abc" }, chain: { id: 7 } };
    const options = { path: "tip.n", hashPath: "tip.hash", chainPath: "chain.id" };
    expect(await readOf(answer, options, "10")).toEqual({
      head: { height: 100n, hash: "abc" },
      chosen: { height: 90n, hash: undefined },
      isSyncing: false,
      chain: "7",
    });
  });

  it("posts a body", async () => {
    const server = await ScriptedNode.start({ rpc: { tip: () => ({ n: "12" }) } });
    const body = JSON.stringify({ method: "tip" });
    const reading = await httpFamily({ path: "result.n", body }).read(clientOf(server), { kind: "latest" });
    expect(reading.head.height).toBe(12n);
  });

  it.each(["a..b", "a[x]", "a[", ".a", "a.", "a[0]b"])("refuses the path %s", (path) => {
    expect(() => httpFamily({ path })).toThrow(expect.objectContaining({ code: "BAD_OPTION" }));
  });

  it("goes with a path, and a path with it", () => {
    expect(() => familyOf("http")).toThrow("no path is given");
    expect(() => familyOf("evm", { path: "n" })).toThrow("Cannot use a path");
    expect(() => familyOf("dogechain" as FamilyName)).toThrow("expected evm, beacon");
  });
});
