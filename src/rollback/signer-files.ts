import { realpath } from "node:fs/promises";
import { join, relative } from "node:path";

import { Folder, type Kind } from "./folder.ts";
import { walk } from "./walk.ts";

interface KnownSigner {
  readonly what: string;
  readonly kind: "file" | "folder";
  /** Of the path relative to the volume. The volume may be the whole home of a node, or the innermost folder of it. */
  readonly path: RegExp;
}

/** Where validators write down what they have signed, by the code or the documentation of each. */
const KNOWN: readonly KnownSigner[] = [
  // docs.cometbft.com, "priv_validator_state.json"; data/ by default, priv_validator_state_file says otherwise. Tendermint
  // since 0.28, and all that is built on it.
  { what: "CometBFT", kind: "file", path: named("priv_validator_state\\.json") },
  // tmkms, src/chain.rs: {id}_priv_validator_state.json unless state_file says otherwise; Horcrux, signer/config.go:
  // PrivValStateFile, and CosignerStateFile of each share.
  { what: "Horcrux or tmkms", kind: "file", path: named(".+_(priv_validator|share_sign)_state\\.json") },
  // tmkms, src/commands/init/templates/networks/cosmoshub.toml: $KMS_HOME/state/cosmoshub-3-consensus.json
  { what: "tmkms", kind: "file", path: named("state/[^/]+-consensus\\.json") },
  // Lighthouse, book/src/validator_slashing_protection.md: $datadir/validators/slashing_protection.sqlite. Grandine,
  // slashing_protection/src/lib.rs: DB_PATH.
  { what: "Lighthouse or Grandine", kind: "file", path: named("slashing_protection\\.sqlite") },
  // nimbus-eth2, docs/the_nimbus_book: validators/slashing_protection.sqlite3; the validator client has the same.
  { what: "Nimbus", kind: "file", path: named("slashing_protection\\.sqlite3") },
  // Prysm, validator/db/kv/db.go: ProtectionDbFileName, in the data folder or the one of the wallet (direct/, derived/).
  { what: "Prysm", kind: "file", path: named("validator\\.db") },
  // Prysm with minimal slashing protection, validator/db/filesystem/db.go: DatabaseDirName
  { what: "Prysm", kind: "folder", path: named("validator-client-data") },
  // Teku, ValidatorClientService.getSlashingProtectionPath: validator/slashprotection, one YAML file for each public key.
  { what: "Teku", kind: "file", path: named("slashprotection/[^/]+\\.yml|(0x)?[0-9a-f]{96}\\.yml") },
  // Lodestar, packages/cli/src/cmds/validator/paths.ts: validatorsDbDir, a LevelDB.
  { what: "Lodestar", kind: "folder", path: named("validator-db") },
  // Dirk, docs/configuration.md: server.storage-path, where "the slashing protection system" stores; its example.
  { what: "Dirk", kind: "folder", path: named("dirk/protection") },
  // Agave, core/src/consensus/tower_storage.rs: tower-1_9-{pubkey}.bin, tower-{pubkey}.bin before 1.9, in the ledger unless
  // --tower says otherwise; vote_history_storage.rs: vote_history-{pubkey}.bin, of Alpenglow. Firedancer takes the same.
  { what: "Solana", kind: "file", path: named("(tower|vote_history)-.+\\.bin") },
  // Aptos, docker/compose/aptos-node/validator.yaml: safety_rules.backend, on_disk_storage
  { what: "Aptos", kind: "file", path: named("secure-data\\.json") },
  // Octez, src/proto_*/lib_delegate/baking_files.ml: {chain}_highwatermarks, in the folder of the client or the signer.
  { what: "Tezos", kind: "file", path: named("[^/]+_highwatermarks") },
];

function named(pattern: string): RegExp {
  return new RegExp(`(^|/)(${pattern})$`, "s");
}

/** The signer state in a tree: whose it is, by its path; of a link with such a name also what it leads to in the tree. */
export async function findSigners(tree: string, signal: AbortSignal | undefined): Promise<Map<string, string>> {
  const found = await walk(
    tree,
    (path, kind) => {
      if (ownerOf(path, kind) !== undefined || /(^|\/)PG_VERSION$/.test(path)) return "take";
      return kind === "folder" ? "enter" : "pass";
    },
    signal,
  );
  const signers = new Map<string, string>();
  for (const { path, kind } of found) {
    const what = ownerOf(path, kind);
    if (what !== undefined) {
      signers.set(path, what);
      const target = kind === "link" ? await targetWithin(tree, path) : undefined;
      if (target !== undefined) signers.set(target, what);
    } else if (kind === "file" && (await isWeb3Signer(tree, path))) signers.set(folderOf(path), "Web3Signer");
  }
  return signers;
}

/** Where a link leads to; undefined when that is nowhere, or out of the tree, where no rollback changes it. */
async function targetWithin(tree: string, path: string): Promise<string | undefined> {
  try {
    const [root, target] = await Promise.all([realpath(tree), realpath(join(tree, path))]);
    const relation = relative(root, target);
    return relation === "" || relation.startsWith("..") ? undefined : relation;
  } catch {
    return undefined;
  }
}

function ownerOf(path: string, kind: Kind): string | undefined {
  return KNOWN.find((known) => (known.kind === kind || kind === "link") && known.path.test(path))?.what;
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf("/"), 0)) || ".";
}

/**
 * Web3Signer keeps its slashing protection in a PostgreSQL database only (docs.web3signer.consensys.io,
 * configure-slashing-protection), and most databases are something else's. Its is told by the name in its path, or by the
 * name of the database or its role, which pg_database and pg_authid have: small files in global/.
 *
 * @param path of PG_VERSION, which every cluster has in its root, and in the folder of each database
 */
async function isWeb3Signer(tree: string, path: string): Promise<boolean> {
  const opened: Folder[] = [await Folder.root(tree)];
  try {
    for (const name of [...path.split("/").slice(0, -1), "global"]) {
      const inner = await opened.at(-1)?.open(name);
      if (!(inner instanceof Folder)) return false;
      opened.push(inner);
    }
    if (/web3signer/i.test(path)) return true;
    const global = opened.at(-1);
    if (global === undefined) return false;
    for await (const { name } of global.entries()) {
      if (/^\d+$/.test(name) && (await holds(global, name, "web3signer"))) return true;
    }
    return false;
  } finally {
    for (const folder of opened) await folder.close();
  }
}

async function holds(folder: Folder, name: string, text: string): Promise<boolean> {
  const file = await folder.openFile(name);
  if (file === undefined) return false;
  try {
    const { size } = await file.stat();
    if (size > MAX_CATALOG) return false;
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size), 0, size, 0);
    return buffer.subarray(0, bytesRead).toString("latin1").toLowerCase().includes(text);
  } finally {
    await file.close();
  }
}

/** They have a page of 8 KiB, or a few. */
const MAX_CATALOG = 1024 * 1024;
