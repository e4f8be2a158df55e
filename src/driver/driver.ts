import type { Height } from "../height.ts";
import type { Mark } from "./mark.ts";
import type { NodeFacts } from "../node-facts.ts";
import type { SnapshotRecord } from "../record.ts";

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
  /** What is newer can be discarded in place, in one step that either is done whole or not at all. */
  readonly discardsInOneStep: boolean;
  /** A clone needs the snapshot it is of: that cannot be destroyed as long as the clone is there. */
  readonly clonesNeedTheirSnapshot: boolean;
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
  /** What its pin says; undefined when it has no pin, or one without a note. */
  readonly note: string | undefined;
  /** What would be lost with it, for people: "undo point 1", "the open clone of 1234000". Not pruned, not cleaned. */
  readonly neededBy: readonly string[];
  /** Identifies it for good, whatever its name becomes. */
  readonly uuid: string;
  /** What was learnt of it since; undefined when nothing was, and from memory. */
  readonly record?: SnapshotRecord | undefined;
}

/** Something that stands in the way of an operation. All are found before the first change. */
export interface Blocker {
  readonly kind:
    | "nested-subvolume"
    | "child-dataset"
    | "process"
    | "loop-device"
    | "block-device"
    | "swap-file"
    | "mount"
    | "name-taken"
    | "unmarked-snapshot"
    | "pinned-snapshot"
    | "hold"
    | "clone"
    | "open-clone"
    | "undo-point"
    | "bookmark"
    | "send"
    | "quota"
    | "space"
    | "signer-state"
    | "locked";
  /** What it is, for people; escaped. */
  readonly message: string;
  /** What to do about it. */
  readonly hint: string;
  /** Of a process: the systemd unit that it belongs to, "node.service"; undefined when it belongs to none. */
  readonly unit?: string | undefined;
}

/** What a volume is put back to: a snapshot of its timeline, or the live state of an undo point. */
export type Goal =
  { readonly kind: "snapshot"; readonly snapshot: Snapshot } | { readonly kind: "undo"; readonly point: UndoPoint };

/** What a rollback, or its undoing, will do. */
export interface RollbackPlan {
  readonly goal: Goal;
  /** What the state that is live becomes; undefined when it is lost. */
  readonly undo: PlannedUndoPoint | undefined;
  /** The snapshots that go into the undo point with it, ascending by height. */
  readonly moved: readonly Snapshot[];
  /** The snapshots that come back to the volume, ascending by height: with an undo point, its own. */
  readonly returned: readonly Snapshot[];
  /** The marked snapshots that it destroys, ascending by height. */
  readonly destroyed: readonly Snapshot[];
  /** What is not ours and goes as well, because it was asked for. */
  readonly discarded: readonly Foreign[];
  /** The older undo points that are dropped once it is done, ascending by number. */
  readonly dropped: readonly UndoPoint[];
  /** All, those too that `force` or stopped services will see to: the core knows which count. */
  readonly blockers: readonly Blocker[];
  /** What the user should know, and that does not stop the rollback. */
  readonly warnings: readonly string[];
}

/** An undo point that is to be. */
export interface PlannedUndoPoint {
  readonly number: number;
  /** For people: a path, or the name of a dataset. */
  readonly place: string;
  /** The newest height of the timeline that is left behind; undefined when it has no snapshots. */
  readonly from: Height | undefined;
  /** The height at which the two timelines part. */
  readonly to: Height;
}

/** The live state, and the snapshots, that a rollback moved aside. */
export interface UndoPoint extends PlannedUndoPoint {
  /** When it was moved aside. */
  readonly at: Date;
  /** Its own snapshots, ascending by height; what it shares with the volume or an older undo point is not among them. */
  readonly snapshots: readonly Snapshot[];
  /** Identifies its live state. */
  readonly uuid: string;
  /** How many bytes dropping it would give back at least; undefined when that was not asked for, or cannot be told. */
  readonly bytes: bigint | undefined;
}

/** A snapshot or bookmark that btm did not make. */
export interface Foreign {
  readonly kind: "snapshot" | "bookmark";
  /** As the file system calls it. */
  readonly name: string;
  readonly uuid: string;
}

/** A writable copy of a snapshot, beside the live volume. */
export interface OpenClone {
  readonly height: Height;
  /** As the file system calls it. */
  readonly name: string;
  /** Where its files are; of a zvol its device; undefined while nothing shows it, as after a reboot. */
  readonly path: string | undefined;
  readonly openedAt: Date;
  readonly uuid: string;
  /**
   * Whether btm has opened it for itself, to start something on it: left behind by one that was killed, it is destroyed by
   * whoever comes next. What a user opened has no such end.
   */
  readonly isForCheck: boolean;
}

export interface CloneWishes {
  /** An absolute path that does not exist, or an empty directory; beside the volume unless given. */
  readonly at?: string | undefined;
  /** As of {@link OpenClone}; no unless given. */
  readonly isForCheck?: boolean;
}

export interface RollbackChoices {
  /** Destroy what is newer and the state that is live, instead of keeping them; of a goal that is a snapshot only. */
  readonly discardNewer: boolean;
  /** Also destroy what stands in the way and is not ours. */
  readonly discardForeign: boolean;
  /** How many undo points there may be afterwards, the new one counted: 1 or more. */
  readonly keepUndo: number;
  /**
   * Whether files will be carried over from the present, so that what is live must be there until the new state is
   * complete.
   */
  readonly carries: boolean;
  readonly signal: AbortSignal | undefined;
}

export interface RollbackHelp {
  /** Go on although processes have the volume in use. */
  readonly force: boolean;
  /**
   * Called once, when the new state is made and before it takes the place of the live one: carries files from one folder
   * to the other. Both are paths that this process and its children can use. What it writes is synced by the driver. When
   * it fails, nothing has changed.
   */
  readonly carry: ((live: string, staged: string) => Promise<void>) | undefined;
  /**
   * Called right before the switch with the same two, unless nobody can have written since: what it throws undoes all, and
   * nothing has changed.
   */
  readonly verify?: (live: string, staged: string) => Promise<void>;
}

/** What dropping undo points will do. */
export interface DropPlan {
  readonly points: readonly UndoPoint[];
  readonly blockers: readonly Blocker[];
}

export type DestroyOutcome = { readonly snapshot: Snapshot; readonly error?: Error };

/** What a recovery came to, in words. */
export interface Recovery {
  /** What was finished or undone; when there is any, the volume is looked at afresh. */
  readonly done: readonly string[];
  /** Tidying up that could not be finished. It keeps nothing else from being done, and is tried again next time. */
  readonly left: readonly string[];
}

/** A volume that is held: what it has open and locked stays so until it is closed. */
export interface Volume {
  /** As given or resolved, for messages. */
  readonly name: string;

  /** What the volumes that can be snapshotted in one step have in common: the pool; undefined where none can. */
  readonly pool: string | undefined;

  /** Where the live files are; undefined when nothing shows them, and of a zvol. */
  readonly path: string | undefined;

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
  recover(): Promise<Recovery>;

  /** What {@link recover} would have to do, in words; empty when nothing was interrupted. Changes nothing. */
  pending(): Promise<string[]>;

  /** What would make a snapshot incomplete. */
  snapshotBlockers(): Promise<Blocker[]>;

  /** Takes a snapshot, marked in the same step; false when one of that height exists. Needs the lock. */
  create(height: Height, node?: NodeFacts): Promise<boolean>;

  /**
   * The same of this volume and others of its pool in one step: all are taken or none. Needs the lock of each, and the
   * capability atomicGroups.
   *
   * @param nodes what the node of each said, that of this volume first
   * @returns false when any of them has one of that height
   */
  createTogether(
    others: readonly Volume[],
    height: Height,
    nodes?: readonly (NodeFacts | undefined)[],
  ): Promise<boolean>;

  /** Destroys marked, unpinned snapshots, each checked again; what fails does not stop the rest. Needs the lock. */
  destroy(snapshots: readonly Snapshot[], signal?: AbortSignal): Promise<DestroyOutcome[]>;

  /** Writes our mark into a snapshot that has none. Needs the lock. */
  adopt(snapshot: Snapshot): Promise<void>;

  /**
   * Keeps a snapshot from being pruned and cleaned. Needs the lock.
   *
   * @param note one line of at most 200 characters, checked; undefined for none
   */
  pin(snapshot: Snapshot, note: string | undefined): Promise<void>;

  /** Needs the lock. */
  unpin(snapshot: Snapshot): Promise<void>;

  /** Keeps a record beside a snapshot, in the place of the one it has. Needs the lock. */
  describe(snapshot: Snapshot, record: SnapshotRecord): Promise<void>;

  /** What a rollback to the goal will do, and all that stands in its way. Changes nothing. */
  planRollback(goal: Goal, choices: RollbackChoices): Promise<RollbackPlan>;

  /**
   * Does exactly what the plan says. Needs the lock.
   *
   * @returns what the user should know
   * @throws BtmError PARTLY_DONE when the volume is rolled back and something remains to be done
   */
  rollback(plan: RollbackPlan, help: RollbackHelp): Promise<string[]>;

  /**
   * The undo points, ascending by number.
   *
   * @param options measure: also how many bytes each holds, which looks at all its files
   */
  undoPoints(options?: { readonly measure?: boolean }): Promise<UndoPoint[]>;

  /** What stands in the way of dropping undo points. Changes nothing. */
  planDrop(points: readonly UndoPoint[]): Promise<DropPlan>;

  /**
   * Destroys undo points. What another one shares with them is handed over to that first. Needs the lock.
   *
   * @returns what the user should know
   * @throws BtmError PARTLY_DONE when some are gone and some are not
   */
  drop(plan: DropPlan): Promise<string[]>;

  /** The open clones, ascending by height. */
  clones(): Promise<OpenClone[]>;

  /**
   * Makes a writable clone of a snapshot. Needs the lock.
   *
   * @throws BtmError NAME_TAKEN when one of that height is open, or the path is not free
   */
  openClone(snapshot: Snapshot, wishes?: CloneWishes): Promise<OpenClone>;

  /**
   * Destroys a clone, with all that was written into it. Needs the lock.
   *
   * @throws BtmError BLOCKED with the processes that have it in use, and the mounts on it
   */
  closeClone(clone: OpenClone): Promise<void>;

  /**
   * Lets `use` read the files of a state, by a folder that this process and its children can use meanwhile; undefined when
   * it has none that can be seen, as a zvol. Changes nothing.
   */
  withTree<T>(state: "live" | Snapshot | UndoPoint, use: (folder: string) => Promise<T>): Promise<T | undefined>;

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
