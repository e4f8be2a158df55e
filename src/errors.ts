/**
 * Every failure that btm expects, by its stable code, and the exit status of the command line for it.
 * Codes are never renamed; match on the code, not on the text. The table of statuses is docs/exit-codes.md.
 */
export const exitStatusOf = {
  // 1: something that btm did not expect
  SYSTEM_ERROR: 1,
  // 2: the request itself is wrong
  BAD_USAGE: 2,
  BAD_HEIGHT: 2,
  BAD_ITV: 2,
  BAD_CAP: 2,
  BAD_MODE: 2,
  BAD_ALGO: 2,
  BAD_KEPT: 2,
  BAD_OPTION: 2,
  BAD_NOTE: 2,
  BAD_CONFIG: 2,
  BAD_VOLUME_NAME: 2,
  NO_VOLUME_GIVEN: 2,
  CONFIRMATION_REQUIRED: 2,
  // 3: the volume cannot be worked on, or the daemon or the node not be asked
  VOLUME_MISSING: 3,
  NOT_A_DIRECTORY: 3,
  NOT_BTRFS: 3,
  NOT_A_SUBVOLUME: 3,
  IS_TOP_LEVEL: 3,
  NOT_ZFS: 3,
  NOT_A_DATASET: 3,
  ZFS_UNAVAILABLE: 3,
  POOL_SUSPENDED: 3,
  HAS_NESTED_VOLUMES: 3,
  MODE_UNAVAILABLE: 3,
  READ_ONLY: 3,
  DAEMON_UNREACHABLE: 3,
  NODE_UNREACHABLE: 3,
  NODE_ANSWER: 3,
  UNKNOWN_CHAIN: 3,
  WRONG_CHAIN: 3,
  QUIESCE_UNAVAILABLE: 3,
  // 4: no snapshot, undo point or open clone answers the request
  NO_SNAPSHOTS: 4,
  NO_SUCH_SNAPSHOT: 4,
  NOTHING_BELOW: 4,
  NO_SUCH_UNDO: 4,
  NOT_OPEN: 4,
  // 5: refused, and nothing was changed
  BLOCKED: 5,
  NAME_TAKEN: 5,
  PLAN_CHANGED: 5,
  DECLINED: 5,
  SIGNER_STATE: 5,
  HOOK_FAILED: 5,
  NODE_BEHIND: 5,
  ALREADY_RUNNING: 5,
  // 6 to 9: the surroundings
  LOCKED: 6,
  TIMED_OUT: 6,
  PERMISSION_DENIED: 7,
  NO_SPACE: 8,
  PARTLY_DONE: 9,
  SERVICE_FAILED: 9,
  // 10: a snapshot was looked at, and is not as it should be
  VERIFY_FAILED: 10,
  BISECT_FAILED: 10,
  // as a shell reports a program ended by SIGINT
  ABORTED: 130,
} as const satisfies Record<string, number>;

export type BtmErrorCode = keyof typeof exitStatusOf;

export interface BtmErrorOptions {
  /** What the reader can do about it: one sentence, a command where there is one. */
  readonly hint?: string;
  readonly cause?: unknown;
  /** Facts for programs: paths, pids, heights. Plain data. */
  readonly details?: Readonly<Record<string, unknown>>;
}

const brand = Symbol.for("btm.BtmError");

/**
 * The one class of every error that btm expects. The message says what was tried, what is, and what was wanted;
 * text from outside is escaped in it.
 *
 * @example
 * try {
 *   await btm.rollback(11, { strict: true });
 * } catch (error) {
 *   if (isBtmError(error) && error.code === "NO_SUCH_SNAPSHOT") console.error(error.hint);
 * }
 */
export class BtmError extends Error {
  override readonly name = "BtmError";
  readonly code: BtmErrorCode;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;
  readonly [brand] = true;

  constructor(code: BtmErrorCode, message: string, options: BtmErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.details = Object.freeze({ ...options.details });
  }

  /** What the command line exits with for this error, 1 to 130. */
  get exitStatus(): number {
    return exitStatusOf[this.code];
  }
}

/** Whether the value is a {@link BtmError}, also one of another copy of this package. */
export function isBtmError(value: unknown): value is BtmError {
  return value instanceof Error && brand in value;
}

/** Throws ABORTED when the signal has fired; called between steps, never in the middle of one. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) {
    throw new BtmError("ABORTED", "Stopped as asked, between two steps", { cause: signal.reason });
  }
}
