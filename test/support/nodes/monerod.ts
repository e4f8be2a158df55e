import { existsSync } from "node:fs";

import type { NodeKind } from "./node.ts";

const MONEROD = "/usr/bin/monerod";
const ADDRESS = "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A";

/** Debian's monerod on a chain of its own: LMDB. */
export const monerod: NodeKind = {
  name: "monerod",
  family: "monero",
  missing: () => (existsSync(MONEROD) ? undefined : "apt-get install monero"),
  command: (folder, port) =>
    Promise.resolve({
      file: MONEROD,
      args: [
        // Else the database is made anew at each start.
        ...["--regtest", "--keep-fakechain"],
        ...["--offline", "--fixed-difficulty=1", "--non-interactive", "--disable-rpc-ban", "--no-igd", "--no-zmq"],
        ...["--p2p-bind-ip=127.0.0.1", "--p2p-bind-port=0", `--data-dir=${folder}`],
        ...["--rpc-bind-ip=127.0.0.1", `--rpc-bind-port=${String(port)}`],
      ],
    }),
  load: (client) =>
    client.call("generateblocks", { amount_of_blocks: 1, wallet_address: ADDRESS }, { path: "/json_rpc" }),
};
