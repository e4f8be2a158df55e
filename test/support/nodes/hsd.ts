import { rm } from "node:fs/promises";
import { join } from "node:path";

import { fetched } from "./fetched.ts";
import type { NodeKind } from "./node.ts";

const { path, missing } = fetched("hsd", "node_modules/hsd/bin/node");

/** The full node of Handshake: LevelDB, and a tree and blocks in files of its own. */
export const hsd: NodeKind = {
  name: "hsd",
  family: "handshake",
  missing,
  // It knows no SIGTERM, which ends it as a kill does.
  stopSignal: "SIGINT",
  async command(folder, port) {
    // A node that was killed, and a copy of one that runs, leaves the lock of its tree. It counts until it is 3.5 s
    // old, and a node that starts gives up after 3 s (urkel/lib/lockfile.js).
    await rm(join(folder, "regtest", "tree", "lock"), { force: true });
    return {
      file: process.execPath,
      args: [
        ...[path, "--network=regtest", "--listen=false", "--no-auth", "--no-sig0", "--no-wallet", "--no-dns"],
        // Its name servers would want ports of their own.
        ...["--no-ns", "--no-rs", "--workers=false", "--log-console=false"],
        ...[`--prefix=${folder}`, "--http-host=127.0.0.1", `--http-port=${String(port)}`],
      ],
      // Its cryptography in C++ is not built.
      env: { NODE_BACKEND: "js" },
    };
  },
  load: (client) => client.call("generatetoaddress", [1, "rs1qqurswpc8qurswpc8qurswpc8qurswpc8qran2p"]),
};
