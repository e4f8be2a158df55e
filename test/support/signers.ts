const PUBKEY = "a".repeat(96);
const ADDRESS = "4Nd1mVmQQw2EhBhswKF3dAcdSQpR4nKvrEpqrMMkvkXn";

/** Every signer state that btm knows: whose it is, its path, and when it is a folder a file in it that changes. */
const ALL: readonly (readonly [what: string, path: string, inside?: string])[] = [
  ["CometBFT", "data/priv_validator_state.json"],
  ["CometBFT", ".gaia/data/priv_validator_state.json"],
  ["CometBFT", "priv_validator_state.json"],
  ["Horcrux or tmkms", "state/cosmoshub-4_priv_validator_state.json"],
  ["Horcrux or tmkms", ".horcrux/state/cosmoshub-4_share_sign_state.json"],
  ["tmkms", "tmkms/state/cosmoshub-4-consensus.json"],
  ["Lighthouse or Grandine", "validators/slashing_protection.sqlite"],
  ["Lighthouse or Grandine", "slashing_protection.sqlite"],
  ["Nimbus", "nimbus/validators/slashing_protection.sqlite3"],
  ["Prysm", "validator.db"],
  ["Prysm", "prysm-wallet-v2/direct/validator.db"],
  ["Prysm", "prysm/validator-client-data", "slashing-protection/0x00.yaml"],
  ["Teku", `validator/slashprotection/${PUBKEY}.yml`],
  ["Teku", `${PUBKEY}.yml`],
  ["Lodestar", "validator-db", "000005.ldb"],
  ["Lodestar", "mainnet/validator-db", "MANIFEST-000004"],
  ["Dirk", "dirk/protection", "000001.vlog"],
  ["Solana", `ledger/tower-1_9-${ADDRESS}.bin`],
  ["Solana", `tower-${ADDRESS}.bin`],
  ["Solana", `vote_history-${ADDRESS}.bin`],
  ["Aptos", "aptos/secure-data.json"],
  ["Tezos", ".tezos-client/NetXdQprcVkpa_highwatermarks"],
  ["Web3Signer", "web3signer/pgdata", "base/5/1259"],
];

export interface KnownSigner {
  readonly what: string;
  readonly path: string;
  /** The file that changes when something is signed. */
  readonly file: string;
  /** What must be there besides for it to be known, by path. */
  readonly besides: Readonly<Record<string, string>>;
}

export const knownSigners: readonly KnownSigner[] = ALL.map(([what, path, inside]) => ({
  what,
  path,
  file: inside === undefined ? path : `${path}/${inside}`,
  besides: what === "Web3Signer" ? { [`${path}/PG_VERSION`]: "15\n", [`${path}/global/1262`]: "postgres" } : {},
}));
