import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { fetched } from "./fetched.ts";
import type { NodeKind } from "./node.ts";

const { path, missing } = fetched("ethereumjs", "node_modules/@ethereumjs/client/dist/esm/bin/cli.js");

/** An execution client with four LevelDBs; its one signer makes a block every second, which is the least it can. */
export const ethereumjs: NodeKind = {
  name: "ethereumjs",
  family: "evm",
  missing,
  command(folder, port, isCopy) {
    const genesis = join(folder, "genesis.json");
    const key = join(folder, "key.txt");
    if (!existsSync(genesis)) {
      writeFileSync(genesis, JSON.stringify(GENESIS));
      writeFileSync(key, "01".repeat(32));
    }
    return Promise.resolve({
      file: process.execPath,
      args: [
        ...[path, "--dataDir", folder, "--gethGenesis", genesis, "--isSingleNode"],
        ...(isCopy ? [] : ["--mine", "--unlock", key]),
        ...["--rpc", "--rpcAddr=127.0.0.1", `--rpcPort=${String(port)}`],
        ...["--port=0", "--discV4=false", "--discDns=false"],
      ],
    });
  },
};

/** Of the key 0101... */
const SIGNER = "1a642f0e3c3af545e7acbd38b07251b3990914f1";
const FORKS = ["homestead", "eip150", "eip155", "eip158", "byzantium", "constantinople", "petersburg", "istanbul"];
const GENESIS = {
  config: {
    chainId: 4242,
    ...Object.fromEntries([...FORKS, "berlin", "london"].map((fork) => [`${fork}Block`, 0])),
    clique: { period: 1, epoch: 30_000 },
  },
  nonce: "0x0",
  timestamp: "0x66000000",
  gasLimit: "0x989680",
  difficulty: "0x1",
  mixHash: `0x${"0".repeat(64)}`,
  coinbase: `0x${"0".repeat(40)}`,
  number: "0x0",
  gasUsed: "0x0",
  baseFeePerGas: "0x7",
  parentHash: `0x${"0".repeat(64)}`,
  // Clique: 32 bytes of vanity, the signers, and a place for a signature of 65 bytes.
  extraData: `0x${"0".repeat(64)}${SIGNER}${"0".repeat(130)}`,
  alloc: { [`0x${SIGNER}`]: { balance: "0x10000000000000000000" } },
};
