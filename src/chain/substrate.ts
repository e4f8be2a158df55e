import { escapeText } from "../text.ts";
import type { Answer } from "./answer.ts";
import { type Block, chosenBelow, type Family } from "./family.ts";
import type { Node } from "./node.ts";
import { isNotification, webSocketUrl } from "./push-plans.ts";

export const substrate: Family = {
  name: "substrate",
  title: "Substrate (Polkadot, Kusama, parachains)",
  quiesce: "none",
  preserve: [],
  finalities: ["latest", "finalized", "depth"],
  ports: [9944, 9933],
  async read(node, finality) {
    const [genesis, health, head, finalized] = await Promise.all([
      node.call("chain_getBlockHash", [0]),
      node.call("system_health"),
      // All are under way before any is waited for: what fails meanwhile would be nobody's.
      blockOf(node, node.call("chain_getBlockHash")),
      finality.kind === "finalized" ? blockOf(node, node.call("chain_getFinalizedHead")) : undefined,
    ]);
    return {
      head,
      chosen: finality.kind === "finalized" ? finalized : chosenBelow(head, finality),
      isSyncing: health.flag("isSyncing"),
      chain: genesis.text(""),
    };
  },
  async hashAt(node, height) {
    const hash = await node.call("chain_getBlockHash", [Number(height)]);
    return hash.maybeText("");
  },
  push: (url, finality) => {
    const isFinal = finality.kind === "finalized";
    const method = isFinal ? "chain_subscribeFinalizedHeads" : "chain_subscribeNewHeads";
    return {
      kind: "websocket",
      urls: [webSocketUrl(url)],
      subscribe: [{ jsonrpc: "2.0", id: 1, method, params: [] }],
      isNews: isNotification(isFinal ? "chain_finalizedHead" : "chain_newHead"),
    };
  },
  async recognise(node) {
    const name = await node.call("system_chain");
    await node.call("chain_getBlockHash", [0]);
    return `system_chain answered with ${escapeText(name.text(""))}`;
  },
};

/** By its hash, so that number and hash are of one block whatever becomes the best one in between. */
async function blockOf(node: Node, asked: Promise<Answer>): Promise<Block> {
  const hash = (await asked).text("");
  const header = await node.call("chain_getHeader", [hash]);
  return { height: header.height("number", { base: "hex" }), hash };
}
