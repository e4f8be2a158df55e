import { existsSync } from "node:fs";

import { LITECOIND } from "../../../tools/demo/machine.ts";
import type { NodeKind } from "./node.ts";

/** Debian's litecoind on a chain of its own ("regtest"). */
export const litecoind: NodeKind = {
  name: "litecoind",
  family: "bitcoin",
  missing: () => (existsSync(LITECOIND) ? undefined : "apt-get install litecoind"),
  command: (folder, port) =>
    Promise.resolve({
      file: LITECOIND,
      args: [
        ...["-regtest", "-listen=0", "-dns=0", "-dnsseed=0", "-upnp=0", "-disablewallet", "-printtoconsole=0"],
        // Else mining ends at 431 (litecoin-project/litecoin issues 807 and 1082).
        "-vbparams=mweb:-2:0",
        `-datadir=${folder}`,
        `-rpcport=${String(port)}`,
      ],
      cookie: "regtest/.cookie",
    }),
  load: (client) => client.call("generatetoaddress", [1, "rltc1qyaxsvjgfaaaag9wcqjs0qtj5r0y6c84hc0chl4"]),
};
