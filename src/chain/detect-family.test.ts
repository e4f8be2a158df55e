import { expect, it, onTestFinished } from "vitest";

import { failureOf } from "../../test/support/expect-code.ts";
import { chainState, SCRIPTS } from "../../test/support/scripted-chains.ts";
import { ScriptedNode } from "../../test/support/scripted-node.ts";
import { detectFamily } from "./detect-family.ts";
import { FAMILIES } from "./families.ts";
import { NodeClient } from "./node-client.ts";

function clientOf(server: ScriptedNode): NodeClient {
  const node = new NodeClient({ url: server.url });
  onTestFinished(() => {
    node.close();
  });
  return node;
}

it("says what was answered", async () => {
  const server = await ScriptedNode.start(SCRIPTS.bitcoin(chainState()));
  expect(await detectFamily(clientOf(server))).toEqual({
    family: "bitcoin",
    why: "getblockchaininfo answered with chain regtest",
  });
});

it("takes a Substrate node with the methods of an EVM for what it is", async () => {
  const state = chainState();
  const { rpc } = SCRIPTS.evm(state);
  const substrate = SCRIPTS.substrate(state);
  const server = await ScriptedNode.start({ ...substrate, rpc: { ...rpc, ...substrate.rpc } });
  expect((await detectFamily(clientOf(server))).family).toBe("substrate");
});

it("says what it tried when nothing is answered", async () => {
  const server = await ScriptedNode.start({});
  const error = await failureOf(detectFamily(clientOf(server)), "UNKNOWN_CHAIN");
  expect(error.message).toContain(`tried ${FAMILIES.map(({ name }) => name).join(", ")}`);
  expect(error.details["tried"]).toHaveLength(FAMILIES.length);
});

it.each(["garbage", "empty", "redirect", "oversized"] as const)("knows no node that answers with %s", async (fault) => {
  const server = await ScriptedNode.start({});
  server.fault = fault;
  await failureOf(detectFamily(clientOf(server)), "UNKNOWN_CHAIN");
});

it("tells a node that is down from one that it does not know", async () => {
  const server = await ScriptedNode.start({});
  await server.stop();
  const { message } = await failureOf(detectFamily(clientOf(server)), "NODE_UNREACHABLE");
  expect(message).toContain("nobody listens there");
});

it("asks for credentials where nothing is answered without", async () => {
  const server = await ScriptedNode.start(SCRIPTS.bitcoin(chainState()));
  server.authorization = "Basic eDp5";
  await failureOf(detectFamily(clientOf(server)), "PERMISSION_DENIED");
});
