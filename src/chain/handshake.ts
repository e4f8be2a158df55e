import { escapeText } from "../text.ts";
import type { Answer } from "./answer.ts";
import { chosenBelow, type Family } from "./family.ts";
import { rpcCodeOf } from "./json-rpc.ts";

/** Its API key is the password, of any user. */
export const handshake: Family = {
  name: "handshake",
  title: "Handshake (hsd)",
  quiesce: "none",
  preserve: [],
  finalities: ["latest", "depth"],
  ports: [12_037, 13_037, 14_037, 15_037],
  async read(node, finality) {
    const info = await node.get("/");
    const head = { height: info.height("chain.height"), hash: info.text("chain.tip") };
    return {
      head,
      chosen: chosenBelow(head, finality),
      isSyncing: progressIn(info) < NEARLY,
      chain: info.text("network"),
    };
  },
  async hashAt(node, height) {
    try {
      const hash = await node.call("getblockhash", [Number(height)]);
      return hash.text("");
    } catch (error) {
      if (rpcCodeOf(error) === OUT_OF_RANGE) return undefined;
      throw error;
    }
  },
  async recognise(node) {
    const info = await node.get("/");
    info.height("chain.height");
    return `GET / answered with network ${escapeText(info.text("network"))} and a chain`;
  },
};

function progressIn(info: Answer): number {
  const { value } = info.part("chain.progress");
  return typeof value === "number" ? value : 1;
}

/** It is the share of the time since the first block: of six years, five hours are a ten thousandth. */
const NEARLY = 0.9999;
const OUT_OF_RANGE = -8;
