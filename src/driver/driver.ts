import type { Height } from "../height.ts";
import type { Mark } from "./mark.ts";

/**
 * What a file system must do for btm, and what it can do. The core asks the capabilities, never which driver it is.
 * A new file system is one folder with a Driver, one line in detect.ts, and the contract suite run over it.
 */
export interface Driver {
  readonly mode: string;
  readonly capabilities: Capabilities;
  /**
   * Looks at the volume and gets hold of it. Changes nothing on disk.
   *
   * @throws BtmError with a code of exit status 3 that says why this is no volume, or PERMISSION_DENIED
   */
  open(volume: string): Promise<Volume>;
}

export interface Capabilities {
  /** A rollback leaves the newer snapshots as they are. */
  readonly rollbackKeepsNewer: boolean;
  /** A rollback keeps the live state that it replaces. */
  readonly rollbackKeepsLive: boolean;
  /** Several volumes can be snapshotted in one step. */
  readonly atomicGroups: boolean;
  /** A snapshot holds what is mounted or nested inside the volume too. */
  readonly includesChildren: boolean;
  /**
   * What is known from memory tells which snapshots there are, whoever made or destroyed them. Without it others' changes
   * are seen by a look afresh only, which is then taken before anything is destroyed.
   */
  readonly memoryIsCurrent: boolean;
}

/** A snapshot as it stands on the disk. */
export interface Snapshot {
  readonly height: Height;
  /** As the file system calls it: "blockchain@1234000" on Btrfs, "zroot/data@1234000" on ZFS. */
  readonly name: string;
  /** Where it can be read, absolute; undefined when no mount shows it. */
  readonly path: string | undefined;
  readonly createdAt: Date;
  /** What btm wrote into it; undefined for one made by hand or by another tool, which btm never destroys. */
  readonly mark: Mark | undefined;
  /** Never pruned, never cleaned. */
  readonly pinned: boolean;
  /** Identifies it for good, whatever its name becomes. */
  readonly uuid: string;
}

/** Something that stands in the way of an operation. All are found before the first change. */
export interface Blocker {
  readonly kind:
    | "nested-subvolume"
    | "child-dataset"
    | "process"
    | "loop-device"
    | "block-device"
    | "mount"
    | "name-taken"
    | "unmarked-snapshot"
    | "pinned-snapshot"
    | "hold"
    | "clone"
    | "bookmark"
    | "quota";
  /** What it is, for people; escaped. */
  readonly message: string;
  /** What to do about it. */
  readonly hint: string;
}

/** What a rollback will do. */
export interface RollbackPlan {
  readonly target: Snapshot;
  /** Where the live state is kept; undefined when it is lost. */
  readonly undo: UndoPoint | undefined;
  /** The marked snapshots that it destroys, ascending by height. */
  readonly destroyed: readonly Snapshot[];
  /** What is not ours and goes as well, because it was asked for. */
  readonly discarded: readonly Foreign[];
  readonly blockers: readonly Blocker[];
  /** What the user should know, and that does not stop the rollback. */
  readonly warnings: readonly string[];
}

/** The live state that a rollback moved aside. */
export interface UndoPoint {
  readonly number: number;
  /** For people: the path, or the path below the top level of the file system when no mount shows it. */
  readonly place: string;
}

/** A snapshot or bookmark that btm did not make. */
export interface Foreign {
  readonly kind: "snapshot" | "bookmark";
  /** As the file system calls it. */
  readonly name: string;
  readonly uuid: string;
}

export interface RollbackChoices {
  /** Also destroy what stands in the way and is not ours. */
  readonly discardForeign: boolean;
  readonly signal: AbortSignal | undefined;
}

export type DestroyOutcome = { readonly snapshot: Snapshot; readonly error?: Error };

/** A volume that is held: what it has open and locked stays so until it is closed. */
export interface Volume {
  /** As given or resolved, for messages. */
  readonly name: string;

  /**
   * All snapshots of the volume, marked or not, by height. From memory it may be out of date in what others changed, which
   * is good enough to decide whether a height is due; afresh unless told so.
   */
  snapshots(how?: "from-memory" | "afresh"): Promise<Snapshot[]>;

  /** Takes the lock when nobody has it. It counts only once {@link lock} has said that the volume is as it was opened. */
  tryLock(): Promise<boolean>;

  /**
   * Waits until no other process changes the volume, and keeps others from doing so until close.
   *
   * @returns false when another process rolled the volume back since it was opened: then it must be opened afresh
   * @throws BtmError LOCKED after the timeout
   */
  lock(timeoutMs: number, signal?: AbortSignal): Promise<boolean>;

  /** Finishes or undoes what a killed process or a power cut left half done; says what it did. Needs the lock. */
  recover(): Promise<string[]>;

  /** What {@link recover} would have to do, in words; empty when nothing was interrupted. Changes nothing. */
  pending(): Promise<string[]>;

  /** What would make a snapshot incomplete. */
  snapshotBlockers(): Promise<Blocker[]>;

  /** Takes a snapshot, marked in the same step; false when one of that height exists. Needs the lock. */
  create(height: Height): Promise<boolean>;

  /** Destroys marked, unpinned snapshots, each checked again; what fails does not stop the rest. Needs the lock. */
  destroy(snapshots: readonly Snapshot[], signal?: AbortSignal): Promise<DestroyOutcome[]>;

  /** Writes our mark into a snapshot that has none. Needs the lock. */
  adopt(snapshot: Snapshot): Promise<void>;

  /** Keeps a snapshot from being pruned and cleaned. Needs the lock. */
  pin(snapshot: Snapshot): Promise<void>;

  /** Needs the lock. */
  unpin(snapshot: Snapshot): Promise<void>;

  /** What a rollback to the snapshot will do, and all that stands in its way. Changes nothing. */
  planRollback(target: Snapshot, choices: RollbackChoices): Promise<RollbackPlan>;

  /**
   * Does exactly what the plan says. Needs the lock.
   *
   * @returns what the user should know
   * @throws BtmError PARTLY_DONE when the volume is rolled back and something remains to be done
   */
  rollback(plan: RollbackPlan): Promise<string[]>;

  close(): void;
}

/**
 * Told before and after every change to the disk, by name, for logs and for the tests that kill a process at each of them.
 */
export type StepObserver = (step: string, when: "before" | "after") => void;

export interface DriverDeps {
  readonly onStep: StepObserver;
  readonly now: () => Date;
  /** The zfs command; looked for in the usual places when undefined. */
  readonly zfsCommand: string | undefined;
  /** How long a command, or a sync, may take before it is given up; undefined for what suits each. */
  readonly commandTimeoutMs: number | undefined;
}
