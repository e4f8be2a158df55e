import { type Block, chosenBelow, type Family } from "./family.ts";
import { rpcCodeOf } from "./json-rpc.ts";
import type { Node } from "./node.ts";
import { isNotification, webSocketUrl } from "./push-plans.ts";

/**
 * Heights are slots, not block heights: ledger, snapshot archives and every tool of the validator count in slots. Some
 * slots have no block.
 */
export const solana: Family = {
  name: "solana",
  title: "Solana validator (Agave, Firedancer)",
  quiesce: "stop",
  // Rolled back, a validator may vote for another fork than the one it is locked to.
  preserve: ["**/tower-*.bin", "**/vote_history-*.bin"],
  finalities: ["latest", "safe", "finalized", "depth"],
  ports: [8899],
  async read(node, finality) {
    const [genesis, isSyncing, head, chosen] = await Promise.all([
      node.call("getGenesisHash"),
      isBehind(node),
      slotAt(node, "processed"),
      finality.kind === "safe" || finality.kind === "finalized" ? slotAt(node, COMMITMENT[finality.kind]) : undefined,
    ]);
    return { head, chosen: chosen ?? chosenBelow(head, finality), isSyncing, chain: genesis.text("") };
  },
  async hashAt(node, height) {
    const only = { transactionDetails: "none", rewards: false, maxSupportedTransactionVersion: 0 };
    try {
      const block = await node.call("getBlock", [Number(height), { ...only, commitment: "confirmed" }]);
      return block.maybeText("blockhash");
    } catch (error) {
      if (NO_BLOCK.includes(rpcCodeOf(error) ?? 0)) return undefined;
      throw error;
    }
  },
  push: (url, finality) => {
    const isFinal = finality.kind === "finalized";
    return {
      kind: "websocket",
      // The validator listens one port above its RPC; a proxy in front of both on the same.
      urls: [webSocketUrl(url, url.port === "" ? undefined : Number(url.port) + 1)],
      subscribe: [{ jsonrpc: "2.0", id: 1, method: isFinal ? "rootSubscribe" : "slotSubscribe", params: [] }],
      isNews: isNotification(isFinal ? "rootNotification" : "slotNotification"),
    };
  },
  async recognise(node) {
    const version = await node.call("getVersion");
    return `getVersion answered with solana-core ${version.text("solana-core").replace(/[^\w.-]/g, "?")}`;
  },
};

const COMMITMENT = { safe: "confirmed", finalized: "finalized" } as const;

/** Its hash costs a getBlock, which many validators do not answer at all. */
async function slotAt(node: Node, commitment: string): Promise<Block> {
  const slot = await node.call("getSlot", [{ commitment }]);
  return { height: slot.height(""), hash: undefined };
}

async function isBehind(node: Node): Promise<boolean> {
  try {
    await node.call("getHealth");
    return false;
  } catch (error) {
    if (rpcCodeOf(error) === UNHEALTHY) return true;
    throw error;
  }
}

// rpc-client-api/src/custom_error.rs
const UNHEALTHY = -32_005;
/** Cleaned up, not available, skipped, skipped in long-term storage, no history kept, not yet there. */
const NO_BLOCK: readonly number[] = [-32_001, -32_004, -32_007, -32_009, -32_011, -32_014];
