import { fetched } from "./fetched.ts";
import type { NodeKind } from "./node.ts";
import { sendEther } from "./send-ether.ts";

const { path, missing } = fetched("geth", "geth");

/** go-ethereum on a chain of its own, with Pebble, which makes a block of each transaction. */
export const geth = gethWith("geth");
/** It writes the state of each block as it comes, instead of keeping the newest ones in memory. */
export const archivingGeth = gethWith("geth-archive", "--state.scheme=hash", "--gcmode=archive");

function gethWith(name: string, ...flags: readonly string[]): NodeKind {
  return {
    name,
    family: "evm",
    missing,
    command: (folder, port) =>
      Promise.resolve({
        file: path,
        args: [
          ...["--dev", "--datadir", folder, "--ipcdisable", "--authrpc.port=0", "--nodiscover", "--port=0"],
          ...["--http", "--http.addr=127.0.0.1", `--http.port=${String(port)}`, "--cache=64", ...flags],
        ],
      }),
    // SIGTERM before that, in the first second that it answers, ends it as SIGKILL does: it listens for signals only then.
    readyLine: "Started log indexer",
    load: sendEther,
  };
}
