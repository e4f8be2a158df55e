import type { FamilyName } from "../../src/chain/family.ts";
import { RpcFault, type Script, StatusFault } from "./scripted-node.ts";

/** Where a scripted chain stands; a test moves it. */
export interface ChainState {
  height: bigint;
  safe: bigint | undefined;
  finalized: bigint | undefined;
  isSyncing: boolean;
  /** Part of every hash, so that there can be two blocks of one height. */
  fork: string;
  /** What tells the chain from others. */
  chain: string;
}

export function chainState(state: Partial<ChainState> = {}): ChainState {
  return { height: 100n, safe: 90n, finalized: 80n, isSyncing: false, fork: "a", chain: "one", ...state };
}

export function hashOf(height: bigint, { fork }: ChainState): string {
  return `0x${height.toString(16).padStart(63, "0")}${fork}`;
}

/** The answers of a node of each family, in the shapes of its real answers, and no others. */
export const SCRIPTS: Readonly<Record<Exclude<FamilyName, "http">, (state: ChainState) => Script>> = {
  evm: (state) => ({
    rpc: evmMethods(state),
    socketPath: "/",
  }),

  avalanche: (state) => ({
    rpcPaths: ["/ext/bc/C/rpc", "/ext/bc/P", "/ext/info"],
    socketPath: "/ext/bc/C/ws",
    rpc: {
      ...evmMethods(state),
      "platform.getHeight": () => ({ height: String(state.height) }),
      "info.isBootstrapped": () => ({ isBootstrapped: !state.isSyncing }),
      "info.getNetworkName": () => ({ networkName: "mainnet" }),
      "info.getNetworkID": () => ({ networkID: state.chain }),
    },
  }),

  beacon: (state) => ({
    eventsPath: "/eth/v1/events",
    rest: {
      "/eth/v1/node/syncing": () => ({
        data: {
          head_slot: String(state.height),
          sync_distance: state.isSyncing ? "1000" : "0",
          is_syncing: state.isSyncing,
          is_optimistic: false,
          el_offline: false,
        },
      }),
      "/eth/v1/beacon/genesis": () => ({
        data: { genesis_time: "1606824023", genesis_validators_root: state.chain, genesis_fork_version: "0x00000000" },
      }),
      "/eth/v1/beacon/headers/head": () => headerOf(state.height, state),
      "/eth/v1/beacon/headers/finalized": () => headerOf(state.finalized ?? 0n, state),
      "/eth/v1/beacon/states/head/finality_checkpoints": () => ({
        data: {
          current_justified: {
            epoch: "2",
            root: state.safe === undefined ? `0x${"0".repeat(64)}` : hashOf(state.safe, state),
          },
          finalized: { epoch: "1", root: hashOf(state.finalized ?? 0n, state) },
        },
      }),
      [`/eth/v1/beacon/headers/${hashOf(state.safe ?? 0n, state)}`]: () => headerOf(state.safe ?? 0n, state),
      "/eth/v1/beacon/headers/95": () => headerOf(95n, state),
    },
  }),

  bitcoin: (state) => ({
    rpc: {
      getblockchaininfo: () => ({
        chain: "regtest",
        blocks: state.height,
        headers: state.height,
        bestblockhash: hashOf(state.height, state),
        verificationprogress: 1,
        initialblockdownload: state.isSyncing,
        warnings: "",
      }),
      getblockhash: (params) => {
        const height = BigInt((params as [number])[0]);
        if (height > state.height) throw new RpcFault(-8, "Block height out of range", { status: 500 });
        return height === 0n ? state.chain : hashOf(height, state);
      },
      gettxoutsetinfo: () => ({ height: state.height, bestblock: hashOf(state.height, state), txouts: 101 }),
    },
  }),

  cometbft: (state) => ({
    socketPath: "/websocket",
    rest: {
      "/status": () => ({
        jsonrpc: "2.0",
        id: -1,
        result: {
          node_info: { network: state.chain, version: "0.38.12", moniker: "node" },
          sync_info: {
            latest_block_hash: state.height === 0n ? "" : hashOf(state.height, state),
            latest_block_height: String(state.height),
            earliest_block_height: "1",
            catching_up: state.isSyncing,
          },
        },
      }),
      "/blockchain?minHeight=95&maxHeight=95": () => ({
        result: {
          last_height: String(state.height),
          block_metas: [{ block_id: { hash: hashOf(95n, state) }, header: { height: "95" } }],
        },
      }),
      // A maximum of 0 means its own height (filterMinMax, rpc/core/blocks.go).
      "/blockchain?minHeight=0&maxHeight=0": () => ({
        result: {
          last_height: String(state.height),
          block_metas: [{ block_id: { hash: hashOf(state.height, state) }, header: { height: String(state.height) } }],
        },
      }),
      "/blockchain": () => {
        throw new StatusFault(500, '{"error":{"code":-32603,"message":"Internal error","data":"min height 900..."}}');
      },
    },
  }),

  substrate: (state) => ({
    socketPath: "/",
    rpc: {
      system_chain: () => "Polkadot",
      system_health: () => ({ peers: 40, isSyncing: state.isSyncing, shouldHavePeers: true }),
      chain_getBlockHash: (params) => {
        const [height] = params as [number?];
        if (height === undefined) return hashOf(state.height, state);
        if (height === 0) return state.chain;
        return BigInt(height) > state.height ? null : hashOf(BigInt(height), state);
      },
      chain_getFinalizedHead: () => hashOf(state.finalized ?? 0n, state),
      chain_getHeader: (params) => {
        const [hash] = params as [string];
        const height = [state.height, state.finalized ?? 0n].find((one) => hashOf(one, state) === hash);
        return height === undefined ? null : { number: `0x${height.toString(16)}`, parentHash: "0x0", digest: {} };
      },
    },
  }),

  solana: (state) => ({
    rpc: {
      getVersion: () => ({ "feature-set": 3_271_415_109, "solana-core": "2.1.0" }),
      getGenesisHash: () => state.chain,
      getHealth: () => {
        if (state.isSyncing) throw new RpcFault(-32_005, "Node is behind by 42 slots");
        return "ok";
      },
      getSlot: (params) => {
        const [{ commitment }] = params as [{ commitment: string }];
        if (commitment === "processed") return state.height;
        return commitment === "confirmed" ? state.safe : state.finalized;
      },
      getBlock: (params) => {
        const [slot] = params as [number];
        if (slot === 95) return { blockhash: hashOf(95n, state), parentSlot: 94 };
        throw new RpcFault(-32_007, "Slot was skipped, or missing due to ledger jump to recent snapshot");
      },
    },
  }),

  aptos: (state) => ({
    rest: {
      "/v1": () => ({
        chain_id: state.chain,
        epoch: "9000",
        ledger_version: "2000000000",
        oldest_ledger_version: "0",
        node_role: "full_node",
        block_height: String(state.height),
        oldest_block_height: "0",
      }),
      "/v1/-/healthy": () => {
        if (state.isSyncing) throw new StatusFault(503, '{"message":"ledger info is too old"}');
        return { message: "aptos-node:ok" };
      },
      "/v1/blocks/by_height/95": () => ({ block_height: "95", block_hash: hashOf(95n, state) }),
    },
  }),

  sui: (state) => ({
    rpc: {
      sui_getChainIdentifier: () => state.chain,
      sui_getLatestCheckpointSequenceNumber: () => String(state.height),
      sui_getCheckpoint: (params) => {
        const [height] = params as [string];
        if (BigInt(height) > state.height) throw new RpcFault(-32_602, "Verified checkpoint not found");
        return { sequenceNumber: height, digest: hashOf(BigInt(height), state) };
      },
    },
  }),

  near: (state) => ({
    rpc: {
      status: () => ({
        chain_id: state.chain,
        genesis_hash: "EPnLgE7iEq9s7yTkos96M3cWymH5avBAPm3qx3NXqR8H",
        version: { version: "2.4.0" },
        sync_info: {
          latest_block_height: state.height,
          latest_block_hash: hashOf(state.height, state),
          syncing: state.isSyncing,
        },
      }),
      block: (params) => {
        const { finality, block_id } = params as { finality?: string; block_id?: number };
        const height =
          finality === undefined ? BigInt(block_id ?? 0) : finality === "final" ? state.finalized : state.safe;
        if (height === undefined || height > state.height) {
          throw new RpcFault(-32_000, "Server error", { cause: { name: "UNKNOWN_BLOCK", info: {} } });
        }
        return { header: { height, hash: hashOf(height, state) } };
      },
    },
  }),

  monero: (state) => ({
    rpcPaths: ["/json_rpc"],
    rpc: {
      get_info: () => ({
        height: state.height + 1n,
        target_height: 0,
        synchronized: !state.isSyncing,
        nettype: state.chain,
        top_block_hash: hashOf(state.height, state),
        status: "OK",
      }),
      get_block_header_by_height: (params) => {
        const height = BigInt((params as { height: number }).height);
        if (height > state.height) throw new RpcFault(-2, "Requested block height: 900 greater than current top block");
        return { block_header: { height, hash: hashOf(height, { ...state, fork: height === 0n ? "0" : state.fork }) } };
      },
    },
  }),

  handshake: (state) => ({
    rest: {
      "/": () => ({
        version: "8.0.0",
        network: state.chain,
        chain: {
          height: state.height,
          tip: hashOf(state.height, state),
          treeRoot: "00",
          progress: state.isSyncing ? 0.5 : 1,
        },
      }),
    },
    rpc: {
      // It is one of Bitcoin's too.
      getblockchaininfo: () => ({
        chain: state.chain,
        blocks: state.height,
        headers: state.height,
        bestblockhash: hashOf(state.height, state),
        treeroot: "00",
      }),
      getblockhash: (params) => {
        const height = BigInt((params as [number])[0]);
        if (height > state.height) throw new RpcFault(-8, "Block height out of range.");
        return hashOf(height, state);
      },
    },
  }),
};

function evmMethods(state: ChainState): NonNullable<Script["rpc"]> {
  return {
    eth_chainId: () => (state.chain === "one" ? "0x1" : "0x2"),
    eth_syncing: () =>
      state.isSyncing ? { startingBlock: "0x0", currentBlock: "0x1", highestBlock: "0xffff" } : false,
    eth_blockNumber: () => `0x${state.height.toString(16)}`,
    eth_getBlockByNumber: (params) => {
      const [tag] = params as [string];
      const tagged = { latest: state.height, safe: state.safe, finalized: state.finalized };
      const height = tag in tagged ? tagged[tag as keyof typeof tagged] : BigInt(tag);
      if (height === undefined) throw new RpcFault(-39_001, `${tag} block not found`);
      if (height > state.height) return null;
      return { number: `0x${height.toString(16)}`, hash: hashOf(height, state), transactions: [] };
    },
  };
}

function headerOf(slot: bigint, state: ChainState): unknown {
  const message = { slot: String(slot), proposer_index: "1" };
  return { finalized: false, data: { root: hashOf(slot, state), canonical: true, header: { message } } };
}
