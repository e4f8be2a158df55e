import type { Answer } from "./answer.ts";
import { escapeText } from "../text.ts";
import { chosenBelow, type Family } from "./family.ts";
import { statusOf } from "./node-client.ts";
import { isNotification, webSocketUrl } from "./push-plans.ts";

export const cometbft: Family = {
  name: "cometbft",
  title: "CometBFT and Tendermint (Cosmos chains)",
  quiesce: "none",
  // Rolled back, a validator signs a second time what it has signed.
  preserve: ["**/priv_validator_state.json"],
  finalities: ["latest", "safe", "finalized", "depth"],
  ports: [26_657, 26_667],
  async read(node, finality) {
    const status = resultOf(await node.get("/status"));
    const info = status.part("sync_info");
    const head = {
      height: info.height("latest_block_height", { base: "dec" }),
      // Empty before the first block.
      hash: info.maybeText("latest_block_hash"),
    };
    return {
      head,
      // A block is final when it is there.
      chosen: chosenBelow(head, finality),
      isSyncing: info.flag("catching_up"),
      chain: status.text("node_info.network"),
    };
  },
  async hashAt(node, height) {
    // Blocks begin at 1, and a maximum of 0 asks for the newest one (filterMinMax, rpc/core/blocks.go).
    if (height === 0n) return undefined;
    try {
      const found = resultOf(await node.get(`/blockchain?minHeight=${String(height)}&maxHeight=${String(height)}`));
      return found.maybeText("block_metas[0].block_id.hash");
    } catch (error) {
      // What it says of a height above its own, or below what it has kept.
      if (statusOf(error) === 500) return undefined;
      throw error;
    }
  },
  push: (url) => ({
    kind: "websocket",
    urls: [webSocketUrl(url, undefined, "/websocket")],
    subscribe: [{ jsonrpc: "2.0", id: 0, method: "subscribe", params: { query: "tm.event='NewBlockHeader'" } }],
    isNews: isNewBlock,
  }),
  async recognise(node) {
    const status = resultOf(await node.get("/status"));
    status.part("sync_info").flag("catching_up");
    return `GET /status answered with network ${escapeText(status.text("node_info.network"))}`;
  },
};

/** Some forks leave the envelope of JSON-RPC out. */
function resultOf(answer: Answer): Answer {
  return answer.has("result") ? answer.part("result") : answer;
}

/** Its events come as answers to the subscription; the first one, which only accepts it, is empty. */
function isNewBlock(message: unknown): boolean {
  if (isNotification("subscription")(message)) return true;
  if (typeof message !== "object" || message === null || !("result" in message)) return false;
  const { result } = message;
  return typeof result === "object" && result !== null && "data" in result;
}
