import type { Height } from "../height.ts";
import type { Answer } from "./answer.ts";
import { type Block, chosenBelow, type Family, type Finality, type Push, type Reading } from "./family.ts";
import { rpcCodeOf } from "./json-rpc.ts";
import type { AskOptions, Node } from "./node.ts";
import { isNotification, webSocketUrl } from "./push-plans.ts";

/** Every chain with the JSON-RPC of Ethereum: execution clients, L2s, simulators. */
export const evm: Family = {
  name: "evm",
  title: "EVM JSON-RPC (Ethereum execution clients, L2s)",
  quiesce: "none",
  preserve: [],
  finalities: ["latest", "safe", "finalized", "depth"],
  ports: [8545, 8546, 8551, 9545],
  read: (node, finality) => readEvm(node, finality),
  hashAt: (node, height) => evmHashAt(node, height),
  push: (url) => newHeads(evmPushUrls(url)),
  async recognise(node) {
    const id = await node.call("eth_chainId");
    return `eth_chainId answered with ${String(id.height(""))}`;
  },
};

export async function readEvm(node: Node, finality: Finality, options: AskOptions = {}): Promise<Reading> {
  const ask = (method: string, params: unknown = []): Promise<Answer> => node.call(method, params, options);
  const byTag = finality.kind === "safe" || finality.kind === "finalized" ? finality.kind : undefined;
  const [chainId, latest, tagged, isSyncing] = await Promise.all([
    ask("eth_chainId"),
    ask("eth_getBlockByNumber", ["latest", false]),
    byTag === undefined ? undefined : taggedBlock(ask, byTag),
    // Some nodes of one machine, and some simulators, have nothing to sync, and not the method either.
    ask("eth_syncing").then(
      (answer) => answer.value !== false,
      (error: unknown) => {
        if (rpcCodeOf(error) === METHOD_NOT_FOUND) return false;
        throw error;
      },
    ),
  ]);
  const head = blockIn(latest);
  const chosen = byTag === undefined ? chosenBelow(head, finality) : tagged;
  // As in CAIP-2.
  return { head, chosen, isSyncing, chain: `eip155:${String(chainId.height(""))}` };
}

export async function evmHashAt(node: Node, height: Height, options?: AskOptions): Promise<string | undefined> {
  const block = await node.call("eth_getBlockByNumber", [`0x${height.toString(16)}`, false], options);
  return block.maybeText("hash");
}

/** The subscription that ganache, anvil and every client but @ethereumjs/client has (that one answers -32601). */
export function newHeads(urls: readonly URL[]): Push {
  return {
    kind: "websocket",
    urls,
    subscribe: [{ jsonrpc: "2.0", id: 1, method: "eth_subscribe", params: ["newHeads"] }],
    isNews: isNotification("eth_subscription"),
  };
}

/** geth, besu and reth have a port of its own for WebSockets, by default the next one; others use the same. */
function evmPushUrls(url: URL): URL[] {
  const same = webSocketUrl(url);
  return url.port === "8545" ? [webSocketUrl(url, 8546), same] : [same];
}

async function taggedBlock(
  ask: (method: string, params: unknown) => Promise<Answer>,
  tag: "safe" | "finalized",
): Promise<Block | undefined> {
  try {
    const block = await ask("eth_getBlockByNumber", [tag, false]);
    return block.has("") ? blockIn(block) : undefined;
  } catch (error) {
    // "safe block not found" and "unknown block": what geth (-39001, -32000) and erigon say before there is one.
    if (NO_SUCH_BLOCK.includes(rpcCodeOf(error) ?? 0)) return undefined;
    throw error;
  }
}

function blockIn(block: Answer): Block {
  return { height: block.height("number", { base: "hex" }), hash: block.maybeText("hash") };
}

const METHOD_NOT_FOUND = -32_601;
const NO_SUCH_BLOCK: readonly number[] = [-39_001, -32_000];
