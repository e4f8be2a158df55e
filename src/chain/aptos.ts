import { chosenBelow, type Family } from "./family.ts";
import { statusOf } from "./node-client.ts";
import type { Node } from "./node.ts";

export const aptos: Family = {
  name: "aptos",
  title: "Aptos fullnode",
  quiesce: "none",
  // The safety rules of a validator: what it has voted for.
  preserve: ["**/secure-data.json"],
  finalities: ["latest", "safe", "finalized", "depth"],
  ports: [8080],
  async read(node, finality) {
    const [ledger, isBehind] = await Promise.all([node.get(below(node, "")), isUnhealthy(node)]);
    const head = { height: ledger.height("block_height", { base: "dec" }), hash: undefined };
    return { head, chosen: chosenBelow(head, finality), isSyncing: isBehind, chain: ledger.id("chain_id") };
  },
  async hashAt(node, height) {
    try {
      const block = await node.get(below(node, `/blocks/by_height/${String(height)}?with_transactions=false`));
      return block.maybeText("block_hash");
    } catch (error) {
      // Not there yet, or pruned.
      if (statusOf(error) === 404 || statusOf(error) === 410) return undefined;
      throw error;
    }
  },
  async recognise(node) {
    const ledger = await node.get(below(node, ""));
    ledger.height("ledger_version");
    return `GET /v1 answered with chain_id ${ledger.id("chain_id")} and a ledger_version`;
  },
};

/** The node's own clock judges: whether the newest block is from the last minute. */
async function isUnhealthy(node: Node): Promise<boolean> {
  try {
    await node.get(below(node, "/-/healthy?duration_secs=60"));
    return false;
  } catch (error) {
    if (statusOf(error) === 503) return true;
    throw error;
  }
}

/** The URL may be given with the version of the API or without. */
function below(node: Node, path: string): string {
  return /\/v1\/?$/.test(node.url.pathname) ? path : `/v1${path}`;
}
