import { existsSync } from "node:fs";
import { join } from "node:path";

import { run } from "../run.ts";
import { fetched } from "./fetched.ts";
import type { NodeKind } from "./node.ts";

const { path, missing } = fetched("cometbft", "cometbft");

/** CometBFT with the application that it brings along, and one validator, which makes a block about every 60 ms. */
export const cometbft: NodeKind = {
  name: "cometbft",
  family: "cometbft",
  missing,
  // All votes for a block are in it before the block is counted.
  mayFinishOne: true,
  async command(folder, port, isCopy) {
    if (!existsSync(join(folder, "config"))) await run(path, ["init", "--home", folder]);
    return {
      file: path,
      args: [
        ...["start", "--home", folder, "--proxy_app=persistent_kvstore", "--p2p.laddr=tcp://127.0.0.1:0"],
        `--rpc.laddr=tcp://127.0.0.1:${String(port)}`,
      ],
      // The pause after a block: a copy must not go on before it is asked where it stands.
      env: { CMT_CONSENSUS_TIMEOUT_COMMIT: isCopy ? "1h" : "50ms" },
    };
  },
  load: (client, i) => client.get(`/broadcast_tx_async?tx="key${String(i)}=${"value".repeat(100)}"`),
};
