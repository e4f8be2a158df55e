import { escapeText } from "../text.ts";
import type { Answer } from "./answer.ts";
import { chosenBelow, type Family } from "./family.ts";
import { rpcCodeOf } from "./json-rpc.ts";
import type { Node } from "./node.ts";

/** Its "height" is the number of blocks, one more than the height of the newest. */
export const monero: Family = {
  name: "monero",
  title: "Monero (monerod)",
  quiesce: "none",
  preserve: [],
  finalities: ["latest", "depth"],
  ports: [18_081, 18_089, 28_081, 38_081],
  async read(node, finality) {
    const [info, genesis] = await Promise.all([ask(node, "get_info"), headerAt(node, 0)]);
    const head = { height: info.height("height", { offset: -1n }), hash: info.maybeText("top_block_hash") };
    return {
      head,
      chosen: chosenBelow(head, finality),
      isSyncing: !info.flag("synchronized"),
      // The first block of a regtest is mainnet's.
      chain: `${info.text("nettype")}:${genesis.text("block_header.hash")}`,
    };
  },
  async hashAt(node, height) {
    try {
      const header = await headerAt(node, Number(height));
      return header.text("block_header.hash");
    } catch (error) {
      if (rpcCodeOf(error) === TOO_BIG_HEIGHT) return undefined;
      throw error;
    }
  },
  async recognise(node) {
    const info = await ask(node, "get_info");
    info.height("height", { offset: -1n });
    return `get_info answered with nettype ${escapeText(info.text("nettype"))}`;
  },
};

function headerAt(node: Node, height: number): Promise<Answer> {
  return ask(node, "get_block_header_by_height", { height });
}

function ask(node: Node, method: string, params: unknown = {}): Promise<Answer> {
  return node.call(method, params, { path: "/json_rpc" });
}

// src/rpc/core_rpc_server_error_codes.h
const TOO_BIG_HEIGHT = -2;
