import type { NodeClient } from "../../../src/chain/node-client.ts";

/** A transaction from the account of a node for developers, to one that nobody has used yet. */
export async function sendEther(client: NodeClient, i: number): Promise<unknown> {
  const accounts = await client.call("eth_accounts");
  const to = `0x${(0xb7_0000 + i).toString(16).padStart(40, "0")}`;
  return client.call("eth_sendTransaction", [{ from: accounts.text("[0]"), to, value: "0x1" }]);
}
