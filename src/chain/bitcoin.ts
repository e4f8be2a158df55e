import { BtmError } from "../errors.ts";
import { escapeText } from "../text.ts";
import type { Answer } from "./answer.ts";
import { chosenBelow, type Family } from "./family.ts";
import { rpcCodeOf } from "./json-rpc.ts";
import type { AskOptions, Node } from "./node.ts";

/** Bitcoin Core and what descends from it: Litecoin, Dogecoin, Dash, Zcash, Bitcoin Cash, Knots. */
export const bitcoin: Family = {
  name: "bitcoin",
  title: "Bitcoin Core and its relatives (Litecoin, Dogecoin, Dash, Zcash)",
  // What is on the disk is an hour old or older: without a flush 20 of 20 snapshots of litecoind came back at 0.
  quiesce: "flush",
  preserve: [],
  finalities: ["latest", "depth"],
  ports: [8332, 18332, 18443, 38332, 48332, 9332, 19332, 19443, 22555, 9998, 8232],
  async read(node, finality) {
    // Pruned nodes have the index of every block too.
    const [info, genesis] = await Promise.all([ask(node, "getblockchaininfo"), ask(node, "getblockhash", [0])]);
    const head = { height: info.height("blocks"), hash: info.text("bestblockhash") };
    return {
      head,
      chosen: chosenBelow(head, finality),
      isSyncing: isSyncing(info),
      // Bitcoin and Bitcoin Cash have the same first block, and the same names: the operator is not helped there.
      chain: `${info.text("chain")}:${genesis.text("")}`,
    };
  },
  async hashAt(node, height) {
    try {
      const hash = await ask(node, "getblockhash", [Number(height)]);
      return hash.text("");
    } catch (error) {
      if (rpcCodeOf(error) === OUT_OF_RANGE) return undefined;
      throw error;
    }
  },
  /**
   * There is no call for just that, but this one writes the chain state to the disk before it counts. "none" spares it
   * the hash, and with -coinstatsindex the counting too. Core before 0.21 takes no argument.
   */
  async flush(node, timeoutMs) {
    try {
      await ask(node, "gettxoutsetinfo", ["none"], { timeoutMs });
    } catch (error) {
      if (!BAD_ARGUMENT.includes(rpcCodeOf(error) ?? 0)) throw error;
      await ask(node, "gettxoutsetinfo", [], { timeoutMs });
    }
  },
  async recognise(node) {
    const info = await ask(node, "getblockchaininfo");
    info.height("headers");
    // hsd has the method as well, and this besides.
    if (info.has("treeroot")) return undefined;
    return `getblockchaininfo answered with chain ${escapeText(info.text("chain"))}`;
  },
};

/** Bitcoin Core since 0.16; zcashd; and what has neither, as Zebra: by the headers, which come first. */
function isSyncing(info: Answer): boolean {
  if (info.has("initialblockdownload")) return info.flag("initialblockdownload");
  if (info.has("initial_block_download_complete")) return !info.flag("initial_block_download_complete");
  return info.height("headers") > info.height("blocks") + FEW_BLOCKS;
}

async function ask(node: Node, method: string, params: unknown = [], options: AskOptions = {}): Promise<Answer> {
  try {
    return await node.call(method, params, options);
  } catch (error) {
    if (rpcCodeOf(error) !== IN_WARMUP || !(error instanceof BtmError)) throw error;
    throw new BtmError("NODE_UNREACHABLE", `${error.message}; it is starting`, { cause: error });
  }
}

const FEW_BLOCKS = 10n;
// src/rpc/protocol.h
const IN_WARMUP = -28;
const OUT_OF_RANGE = -8;
/** RPC_MISC_ERROR (the help text), RPC_TYPE_ERROR, RPC_INVALID_PARAMETER, RPC_INVALID_PARAMS */
const BAD_ARGUMENT: readonly number[] = [-1, -3, -8, -32_602];
