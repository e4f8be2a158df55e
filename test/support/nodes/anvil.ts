import { join } from "node:path";

import { fetched } from "./fetched.ts";
import type { NodeKind } from "./node.ts";
import { sendEther } from "./send-ether.ts";

const { path, missing } = fetched(
  "anvil",
  `node_modules/@foundry-rs/anvil-linux-${process.arch === "arm64" ? "arm64" : "amd64"}/bin/anvil`,
);

/** The simulator of Foundry. It has no database: once a second it writes all of its state over one file. */
export const anvil: NodeKind = {
  name: "anvil",
  family: "evm",
  missing,
  command: (folder, port) =>
    Promise.resolve({
      file: path,
      args: [
        ...["--silent", "--host=127.0.0.1", `--port=${String(port)}`],
        ...["--state", join(folder, "state.json"), "--state-interval=1"],
      ],
    }),
  load: sendEther,
};
