import { isBtmError } from "../errors.ts";
import { escapeText } from "../text.ts";
import { type Block, chosenBelow, type Family } from "./family.ts";
import type { Node } from "./node.ts";

/** Some heights have no block. */
export const near: Family = {
  name: "near",
  title: "NEAR (neard)",
  quiesce: "none",
  preserve: [],
  finalities: ["latest", "safe", "finalized", "depth"],
  ports: [3030],
  async read(node, finality) {
    const [status, chosen] = await Promise.all([
      node.call("status"),
      finality.kind === "safe" || finality.kind === "finalized" ? finalBlock(node, finality.kind) : undefined,
    ]);
    const head = {
      height: status.height("sync_info.latest_block_height"),
      hash: status.text("sync_info.latest_block_hash"),
    };
    return {
      head,
      chosen: chosen ?? chosenBelow(head, finality),
      isSyncing: status.flag("sync_info.syncing"),
      chain: `${status.text("chain_id")}:${status.maybeText("genesis_hash") ?? ""}`,
    };
  },
  async hashAt(node, height) {
    try {
      const block = await node.call("block", { block_id: Number(height) });
      return block.text("header.hash");
    } catch (error) {
      if (isBtmError(error) && error.details["rpcCause"] === "UNKNOWN_BLOCK") return undefined;
      throw error;
    }
  },
  async recognise(node) {
    const status = await node.call("status");
    status.flag("sync_info.syncing");
    return `status answered with chain_id ${escapeText(status.text("chain_id"))}`;
  },
};

/** "near-final" is what doomslug has made irreversible but for slashing. */
async function finalBlock(node: Node, kind: "safe" | "finalized"): Promise<Block> {
  const block = await node.call("block", { finality: kind === "safe" ? "near-final" : "final" });
  return { height: block.height("header.height"), hash: block.text("header.hash") };
}
