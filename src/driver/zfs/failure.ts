import { BtmError, type BtmErrorCode } from "../../errors.ts";
import type { Ended } from "../../sys/spawn.ts";
import { escapeText, quote } from "../../text.ts";

interface Pattern {
  readonly code: BtmErrorCode;
  /** What zfs prints; anchored, so that a name which contains such words is not taken for them. */
  readonly text: RegExp;
  /** What is, completing "Cannot ...: ". */
  readonly what: string;
  readonly hint: string;
}

const DELEGATE =
  "Run it as root, or let root delegate it: zfs allow -u USER snapshot,destroy,mount,userprop,hold,release DATASET; a rollback needs root";

/** Each was seen on OpenZFS 2.1.11 and 2.3.2: test/zfs/failures.test.ts causes them. */
const PATTERNS: readonly Pattern[] = [
  {
    code: "VOLUME_MISSING",
    text: /^cannot open '[^']+': (dataset does not exist|no such pool)$/m,
    what: "the dataset does not exist",
    hint: "zfs list shows what there is; is its pool imported?",
  },
  {
    code: "POOL_SUSPENDED",
    text: /^(cannot open '[^']+'|Channel program execution failed): pool I\/O is currently suspended$/m,
    what: "its pool is suspended after failures of its disks",
    hint: "zpool status says which; when they are back, zpool clear POOL",
  },
  {
    code: "PERMISSION_DENIED",
    text: /^(cannot [a-z0-9:_. -]+( for)?( '[^']+')?\s?: permission denied|Permission denied the ZFS utilities must be run as root\.|Permission denied\. Channel programs must be run as root\.)$/m,
    what: "it is not permitted",
    hint: DELEGATE,
  },
  {
    code: "NO_SPACE",
    text: /^cannot [a-z0-9:_. -]+( for)?( '[^']+')?\s?: out of space$/m,
    what: "no space is left in its pool or quota",
    hint: "Remove snapshots with btm clean --kept N, which works on a full pool, then try again",
  },
  {
    code: "READ_ONLY",
    text: /^(cannot [a-z0-9:_. -]+( for)?( '[^']+')?\s?|Channel program execution failed): pool is read-only$/m,
    what: "its pool is imported read-only",
    hint: "Export it and import it without readonly=on",
  },
  {
    code: "BLOCKED",
    text: /^(cannot mount '[^']+'|zfs_mount_at\(\) failed): encryption key not loaded$/m,
    what: "its encryption key is not loaded",
    hint: "zfs load-key DATASET, then run the command again",
  },
  {
    code: "BLOCKED",
    // Of mount.zfs(8) for a legacy mount point: what mount(2) answers without the key.
    text: /^filesystem '[^']+' can not be mounted: Permission denied$/m,
    what: "it may not be mounted; is its encryption key loaded?",
    hint: "zfs load-key DATASET, then run the command again",
  },
  {
    code: "ZFS_UNAVAILABLE",
    text: /^(The ZFS modules are not loaded\.|\/dev\/zfs and \/proc\/self\/mounts are required\.)$/m,
    what: "the ZFS kernel module is not loaded",
    hint: "modprobe zfs",
  },
];

/** Whether zfs says that a snapshot of that name exists. */
export function saysExists(stderr: string, snapshot: string): boolean {
  return stderr.split("\n").includes(`cannot create snapshot '${snapshot}': dataset already exists`);
}

/** What a command that failed means to the user. `action` completes "Cannot ...". */
export function explainFailure(action: string, args: readonly string[], { status, stderr }: Ended): BtmError {
  const details = { command: ["zfs", ...args].slice(0, 8), status, stderr: stderr.slice(0, 64 * 1024) };
  return (
    knownFailure(action, stderr, details) ?? unknownFailure(action, `zfs ${args[0] ?? ""}`, { status, stderr }, details)
  );
}

/** The same of mount(8), umount(8) and sync(1). */
export function explainMount(
  action: string,
  command: "mount" | "umount" | "sync",
  ended: Pick<Ended, "status" | "stderr">,
): BtmError {
  const details = { command: [command], status: ended.status, stderr: ended.stderr.slice(0, 64 * 1024) };
  return knownFailure(action, ended.stderr, details) ?? unknownFailure(action, command, ended, details);
}

type Details = Readonly<Record<string, unknown>>;

function knownFailure(action: string, stderr: string, details: Details): BtmError | undefined {
  const known = PATTERNS.find((pattern) => pattern.text.test(stderr));
  return known && new BtmError(known.code, `Cannot ${action}: ${known.what}`, { hint: known.hint, details });
}

function unknownFailure(
  action: string,
  command: string,
  { status, stderr }: Pick<Ended, "status" | "stderr">,
  details: Details,
): BtmError {
  const said = stderr.trim() === "" ? `nothing, with status ${String(status)}` : quote(stderr.trim().slice(0, 1000));
  return new BtmError("SYSTEM_ERROR", `Cannot ${action}: ${escapeText(command)} said ${said}`, {
    hint: "This is not a failure that btm knows: please report it with this message",
    details,
  });
}
