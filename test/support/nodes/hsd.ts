import { fetched } from "./fetched.ts";
import type { NodeKind } from "./node.ts";

const { path, missing } = fetched("hsd", "node_modules/hsd/bin/node");

/** The full node of Handshake: LevelDB, and a tree and blocks in files of its own. */
export const hsd: NodeKind = {
  name: "hsd",
  family: "handshake",
  missing,
  command: (folder, port) =>
    Promise.resolve({
      file: process.execPath,
      args: [
        ...[path, "--network=regtest", "--listen=false", "--no-auth", "--no-sig0", "--no-wallet", "--no-dns"],
        // Its name servers would want ports of their own.
        ...["--no-ns", "--no-rs", "--workers=false", "--log-console=false"],
        ...[`--prefix=${folder}`, "--http-host=127.0.0.1", `--http-port=${String(port)}`],
      ],
      // Its cryptography in C++ is not built.
      env: { NODE_BACKEND: "js" },
    }),
  load: (client) => client.call("generatetoaddress", [1, "rs1qqurswpc8qurswpc8qurswpc8qurswpc8qran2p"]),
};
