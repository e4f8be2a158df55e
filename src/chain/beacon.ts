import { BtmError } from "../errors.ts";
import type { Height } from "../height.ts";
import { escapeText, quote } from "../text.ts";
import type { Answer } from "./answer.ts";
import { type Block, chosenBelow, type Family, type Finality } from "./family.ts";
import { statusOf } from "./node-client.ts";
import type { Node } from "./node.ts";

/** The standard API of Ethereum's consensus clients. Heights are slots: what their databases are ordered by. */
export const beacon: Family = {
  name: "beacon",
  title: "Ethereum beacon node (Lighthouse, Prysm, Teku, Nimbus, Lodestar, Grandine)",
  quiesce: "none",
  preserve: [],
  finalities: ["latest", "safe", "finalized", "depth"],
  ports: [5052, 3500, 5051, 9596],
  async read(node, finality) {
    const [syncing, genesis, head, chosen] = await Promise.all([
      node.get("/eth/v1/node/syncing"),
      node.get("/eth/v1/beacon/genesis"),
      blockAt(node, "head"),
      finality.kind === "latest" || finality.kind === "depth" ? undefined : finalBlock(node, finality),
    ]);
    const block = head ?? { height: syncing.height("data.head_slot", { base: "dec" }), hash: undefined };
    const isByNode = finality.kind === "safe" || finality.kind === "finalized";
    return {
      head: block,
      chosen: isByNode ? chosen : chosenBelow(block, finality),
      // Of an optimistic head the execution client has not said yet that it is valid.
      isSyncing: syncing.flag("data.is_syncing") || isTrue(syncing, "data.is_optimistic"),
      chain: genesis.text("data.genesis_validators_root"),
    };
  },
  async hashAt(node, height) {
    return (await blockAt(node, String(height)))?.hash;
  },
  push: (url) => {
    const events = new URL(url);
    events.pathname = `${url.pathname.replace(/\/$/, "")}/eth/v1/events`;
    events.searchParams.set("topics", "head,finalized_checkpoint");
    return { kind: "events", urls: [events], subscribe: [], isNews: () => true };
  },
  async recognise(node) {
    const syncing = await node.get("/eth/v1/node/syncing");
    return `GET /eth/v1/node/syncing answered with head_slot ${escapeText(syncing.id("data.head_slot"))}`;
  },
};

/** Safe is the justified checkpoint; both are the block at the beginning of an epoch, or before it. */
async function finalBlock(node: Node, { kind }: Finality): Promise<Block | undefined> {
  if (kind === "finalized") return blockAt(node, "finalized");
  const checkpoints = await node.get("/eth/v1/beacon/states/head/finality_checkpoints");
  const root = checkpoints.text("data.current_justified.root");
  if (!/^0x[0-9a-f]{64}$/i.test(root)) {
    throw new BtmError("NODE_ANSWER", `The node tells as its justified checkpoint ${quote(root.slice(0, 100))}`, {
      hint: "Is it a beacon node?",
    });
  }
  // Before the first one it is of zeros.
  return /^0x0+$/.test(root) ? undefined : blockAt(node, root);
}

/** Undefined for a slot without a block. */
async function blockAt(node: Node, id: string): Promise<Block | undefined> {
  try {
    const header = await node.get(`/eth/v1/beacon/headers/${encodeURIComponent(id)}`);
    const height: Height = header.height("data.header.message.slot", { base: "dec" });
    return { height, hash: header.text("data.root") };
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}

function isTrue(answer: Answer, path: string): boolean {
  return answer.has(path) && answer.flag(path);
}
