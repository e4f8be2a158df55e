import { escapeText } from "../text.ts";
import { chosenBelow, type Family } from "./family.ts";
import { rpcCodeOf } from "./json-rpc.ts";

/** Heights are checkpoints. A full node does not tell whether it is catching up. */
export const sui: Family = {
  name: "sui",
  title: "Sui full node",
  quiesce: "none",
  preserve: [],
  finalities: ["latest", "safe", "finalized", "depth"],
  ports: [9000],
  async read(node, finality) {
    const [chain, newest] = await Promise.all([
      node.call("sui_getChainIdentifier"),
      node.call("sui_getLatestCheckpointSequenceNumber"),
    ]);
    const head = { height: newest.height("", { base: "dec" }), hash: undefined };
    return { head, chosen: chosenBelow(head, finality), isSyncing: false, chain: chain.text("") };
  },
  async hashAt(node, height) {
    try {
      const checkpoint = await node.call("sui_getCheckpoint", [String(height)]);
      return checkpoint.maybeText("digest");
    } catch (error) {
      // Its word for one that is not there yet.
      if (rpcCodeOf(error) === INVALID_PARAMS) return undefined;
      throw error;
    }
  },
  async recognise(node) {
    const chain = await node.call("sui_getChainIdentifier");
    return `sui_getChainIdentifier answered with ${escapeText(chain.text(""))}`;
  },
};

const INVALID_PARAMS = -32_602;
