import { isBtmError } from "../errors.ts";
import { escapeText } from "../text.ts";
import type { Answer } from "./answer.ts";
import { evmHashAt, newHeads, readEvm } from "./evm.ts";
import { chosenBelow, type Family, type Finality, type Reading } from "./family.ts";
import type { Node } from "./node.ts";
import { webSocketUrl } from "./push-plans.ts";

/**
 * AvalancheGo. Its database is one for all chains; the height is the C-chain's, unless the URL names the P-chain
 * (/ext/bc/P) or another EVM chain (/ext/bc/NAME/rpc).
 */
export const avalanche: Family = {
  name: "avalanche",
  title: "Avalanche (AvalancheGo)",
  quiesce: "none",
  preserve: [],
  finalities: ["latest", "safe", "finalized", "depth"],
  ports: [9650],
  async read(node, finality) {
    const { url } = node;
    // What is accepted is final.
    const final: Finality = finality.kind === "depth" ? finality : { kind: "latest" };
    const [reading, bootstrapped] = await Promise.all([
      isPlatform(url) ? readPlatform(node, final) : readEvm(node, final, { fullPath: contractsPath(url) }),
      info(node, "info.isBootstrapped", { chain: isPlatform(url) ? "P" : chainIn(url) }),
    ]);
    const isDone = bootstrapped === undefined || bootstrapped.flag("isBootstrapped");
    return { ...reading, isSyncing: reading.isSyncing || !isDone };
  },
  async hashAt(node, height) {
    // The P-chain gives blocks by their height, but not their ids.
    return isPlatform(node.url) ? undefined : evmHashAt(node, height, { fullPath: contractsPath(node.url) });
  },
  push: (url) => {
    const socket = webSocketUrl(url);
    socket.pathname = contractsPath(url).replace(/\/rpc\/?$/, "/ws");
    return newHeads(isPlatform(url) ? [] : [socket]);
  },
  async recognise(node) {
    const network = await node.call("info.getNetworkName", {}, { fullPath: infoPath(node.url) });
    return `info.getNetworkName answered with ${escapeText(network.text("networkName"))}`;
  },
};

async function readPlatform(node: Node, finality: Finality): Promise<Reading> {
  const [answer, network] = await Promise.all([
    node.call("platform.getHeight", {}),
    info(node, "info.getNetworkID", {}),
  ]);
  const head = { height: answer.height("height", { base: "dec" }), hash: undefined };
  const chain = network === undefined ? undefined : `avalanche:${network.id("networkID")}`;
  return { head, chosen: chosenBelow(head, finality), isSyncing: false, chain };
}

/** Undefined where it is not served: it can be switched off, and a proxy may not pass it on. */
async function info(node: Node, method: string, params: unknown): Promise<Answer | undefined> {
  try {
    return await node.call(method, params, { fullPath: infoPath(node.url) });
  } catch (error) {
    if (isBtmError(error) && error.code === "NODE_ANSWER") return undefined;
    throw error;
  }
}

function isPlatform(url: URL): boolean {
  return /\/ext\/(bc\/)?P\/?$/.test(url.pathname);
}

function chainIn(url: URL): string {
  return /\/ext\/bc\/([^/]+)/.exec(url.pathname)?.[1] ?? "C";
}

function contractsPath(url: URL): string {
  return url.pathname.includes("/ext/bc/") ? url.pathname : `${prefixOf(url)}/ext/bc/C/rpc`;
}

function infoPath(url: URL): string {
  return `${prefixOf(url)}/ext/info`;
}

/** What a proxy has put before the paths of the node. */
function prefixOf(url: URL): string {
  return url.pathname.replace(/\/ext\/.*$/, "").replace(/\/$/, "");
}
