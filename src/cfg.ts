import { BtmError, type BtmErrorCode } from "./errors.ts";
import { MAX_HEIGHT, parseUnsigned, show } from "./height.ts";
import type { Algo } from "./retention/retention.ts";
import { escapeText, quote } from "./text.ts";
import { checkSocketPath, DEFAULT_SOCKET } from "./socket-path.ts";
import { checkVolumeName, isPath } from "./volume-name.ts";

const MODES = ["zfs", "btrfs", "external"] as const;
const ALGOS = ["fair", "fade"] as const satisfies readonly Algo[];

/** The kind of volume: a ZFS dataset, a Btrfs subvolume, or one that a daemon is asked for over its socket. */
export type Mode = (typeof MODES)[number];

const DEFAULT_ITV = 10n;
const DEFAULT_CAP = 100;
const MAX_CAP = 65_536;
const DEFAULT_LOCK_TIMEOUT_MS = 10_000;

/** What a caller gives; every field but the volume has a default. */
export interface BtmOptions {
  /**
   * The path of a Btrfs subvolume, absolute, for example "/data/blockchain"; or a ZFS dataset or zvol, by its name, for
   * example "zroot/data", or by the path at which it is mounted.
   */
  readonly volume: string;
  /** Blocks between two snapshots, 1 to 2^64 - 1; 10 unless given. */
  readonly itv?: bigint | number | string;
  /** The most snapshots that are kept, 1 to 65,536; 100 unless given. Pinned ones do not count. */
  readonly cap?: bigint | number | string;
  /** What goes when there are more than cap: "fair" keeps the newest, "fade" thins with age; "fair" unless given. */
  readonly algo?: string;
  /**
   * "zfs" or "btrfs", found by looking at the volume unless given; or "external", to ask the daemon, whose own itv, cap and
   * algo hold then. Case does not matter.
   */
  readonly mode?: string;
  /** Of mode external: the socket of the daemon, an absolute path; "/run/btm/btm.sock" unless given. */
  readonly socket?: string;
  /** How long to wait for another btm on the same volume, in milliseconds, 0 to 2^31 - 1; 10,000 unless given. */
  readonly lockTimeoutMs?: number;
}

/** A configuration that has been checked. */
export interface BtmCfg {
  readonly volume: string;
  readonly itv: bigint;
  readonly cap: number;
  readonly algo: Algo;
  readonly mode: Mode | undefined;
  readonly socket: string;
  readonly lockTimeoutMs: number;
}

/**
 * The one parser of every configuration: library options, command line, configuration file.
 *
 * @throws BtmError NO_VOLUME_GIVEN, BAD_VOLUME_NAME, BAD_ITV, BAD_CAP, BAD_MODE, BAD_ALGO, BAD_OPTION
 */
export function parseCfg(options: BtmOptions): BtmCfg {
  // From JavaScript anything may come.
  if (typeof options !== "object" || (options as unknown) === null) {
    throw new BtmError(
      "BAD_OPTION",
      `Cannot use ${show(options)} as a configuration: expected an object with a volume`,
    );
  }
  for (const key of Object.keys(options)) {
    if (!KEYS.has(key)) {
      throw new BtmError("BAD_OPTION", `Unknown option "${escapeText(key)}": expected one of ${[...KEYS].join(", ")}`);
    }
  }
  const volume = checkVolumeName(options.volume);
  const mode = options.mode === undefined ? undefined : oneOf("BAD_MODE", "mode", MODES, options.mode);
  if (mode === "btrfs" && !isPath(volume)) {
    throw new BtmError(
      "BAD_VOLUME_NAME",
      `Cannot use the volume ${quote(volume)} with mode btrfs: expected an absolute path`,
      { hint: "Give the whole path, for example /data/blockchain" },
    );
  }
  return Object.freeze({
    volume,
    itv: parseItv(options.itv ?? DEFAULT_ITV),
    cap: parseCap(options.cap ?? DEFAULT_CAP),
    algo: oneOf("BAD_ALGO", "algo", ALGOS, options.algo ?? "fair"),
    mode,
    socket: checkSocketPath(options.socket ?? DEFAULT_SOCKET),
    lockTimeoutMs: parseLockTimeout(options.lockTimeoutMs ?? DEFAULT_LOCK_TIMEOUT_MS),
  });
}

/** Blocks between two snapshots. @throws BtmError BAD_ITV */
function parseItv(input: unknown): bigint {
  return within("BAD_ITV", "itv", input, 1n, MAX_HEIGHT, "1 to 2^64 - 1 (blocks between two snapshots)");
}

/** The most snapshots that are kept. @throws BtmError BAD_CAP */
export function parseCap(input: unknown): number {
  return Number(within("BAD_CAP", "cap", input, 1n, BigInt(MAX_CAP), "1 to 65,536 (the most snapshots that are kept)"));
}

/** How many snapshots a clean leaves. @throws BtmError BAD_KEPT */
export function parseKept(input: unknown): number {
  return Number(
    within("BAD_KEPT", "kept", input, 0n, MAX_HEIGHT, "0 to 2^64 - 1 (how many of the newest snapshots stay)"),
  );
}

function parseLockTimeout(input: unknown): number {
  // setTimeout takes a 32-bit count of milliseconds and fires at once when given more.
  return Number(within("BAD_OPTION", "lockTimeoutMs", input, 0n, 2n ** 31n - 1n, "0 to 2^31 - 1 (milliseconds)"));
}

function within(code: BtmErrorCode, field: string, input: unknown, min: bigint, max: bigint, wanted: string): bigint {
  const value = parseUnsigned(input);
  if (value !== undefined && value >= min && value <= max) return value;
  throw new BtmError(code, `Cannot use ${field} ${show(input)}: expected a whole number from ${wanted}`);
}

function oneOf<T extends string>(code: BtmErrorCode, field: string, allowed: readonly T[], input: unknown): T {
  const found = typeof input === "string" ? allowed.find((value) => value === input.toLowerCase()) : undefined;
  if (found !== undefined) return found;
  throw new BtmError(code, `Cannot use ${field} ${show(input)}: expected ${allowed.join(" or ")}`);
}

const KEYS: ReadonlySet<string> = new Set([
  "volume",
  "itv",
  "cap",
  "algo",
  "mode",
  "socket",
  "lockTimeoutMs",
] satisfies (keyof BtmOptions)[]);
