/** What the calls of a {@link Btm} take and give. */
import type {
  Blocker,
  Foreign,
  OpenClone,
  PlannedUndoPoint,
  Snapshot,
  StepObserver,
  UndoPoint,
} from "./driver/driver.ts";
import type { CommandOptions, FollowOptions } from "./check/wishes.ts";
import type { Finding } from "./check/search.ts";
import type { NodeFacts } from "./node-facts.ts";
import type { Verified } from "./record.ts";
import type { Height, HeightInput } from "./height.ts";
import type { Service } from "./rollback/services.ts";
import type { SignerFile } from "./rollback/signer.ts";

export interface CallOptions {
  /** Honoured between two steps, never in the middle of one: a snapshot under way is finished. */
  readonly signal?: AbortSignal;
}

export interface PlannedOptions<Plan> extends CallOptions {
  /** Makes the plan, changes nothing. */
  readonly dryRun?: boolean;
  /**
   * Asked with the plan before anything is changed; false ends in DECLINED. The volume is not locked meanwhile: when the
   * plan is another one by the time it is answered, nothing is done (PLAN_CHANGED).
   */
  readonly confirm?: (plan: Plan) => Promise<boolean>;
}

/** All that there is of a volume. */
export interface Overview {
  /** Ascending by height. */
  readonly snapshots: readonly Snapshot[];
  /** The copies that are open, ascending by height. */
  readonly clones: readonly OpenClone[];
  /** Ascending by number; undefined when only root may see them. */
  readonly undoPoints: readonly UndoPoint[] | undefined;
  /** What the next change will first finish or undo of an interrupted one, in words. */
  readonly pending: readonly string[];
}

export interface SnapshotOptions extends CallOptions {
  /** Take it although the interval has one already; never when one of that height exists. */
  readonly force?: boolean;
  /** Whether to thin the snapshots to cap afterwards; yes unless given. */
  readonly prune?: boolean;
  /** Says what would be done, changes nothing. */
  readonly dryRun?: boolean;
  /** What the node said of itself just before: it goes into the mark, and is shown with the snapshot. */
  readonly node?: NodeFacts;
}

export interface Failure {
  readonly snapshot: Snapshot;
  readonly error: Error;
}

export interface SnapshotResult {
  /** Whether there is a new snapshot; in a dry run, whether there would be. */
  readonly taken: boolean;
  readonly height: Height;
  /**
   * "due" and "forced" are reasons to take it, "exists" and "not-due" not to. Of mode external also "superseded", when the
   * chain outran the disk and a newer height is taken instead, and "pending", when the daemon was not done in time and goes
   * on.
   */
  readonly reason: "due" | "forced" | "exists" | "not-due" | "superseded" | "pending";
  /** Of "superseded": the height that is taken instead. */
  readonly winner?: Height;
  /** The newest marked snapshot at or below the height before this call. */
  readonly last: Height | undefined;
  /** What was thinned out, ascending. */
  readonly pruned: readonly Height[];
  /** What could not be destroyed; it is tried again next time. */
  readonly failed: readonly Failure[];
  /** What was finished or undone of an interrupted command. */
  readonly recovered: readonly string[];
  readonly dryRun: boolean;
}

export interface GroupOptions extends CallOptions {
  /**
   * Whether what writes to the volumes is halted until the call has ended. Where no one step snapshots several, as on Btrfs,
   * they are then taken one after the other; without it that is refused.
   */
  readonly writersHalted?: boolean;
}

export interface GroupSnapshotOptions extends GroupOptions {
  /** Take it although the interval has one already; never when one of that height exists. */
  readonly force?: boolean;
  /** What the node of each volume said of itself just before, in their order: it goes into their marks. */
  readonly nodes?: readonly (NodeFacts | undefined)[];
}

/** What became of all, and of each in the order that they were given. */
export interface GroupSnapshotResult extends Pick<
  SnapshotResult,
  "taken" | "height" | "reason" | "last" | "pruned" | "dryRun"
> {
  readonly members: readonly (SnapshotResult & { readonly volume: string })[];
}

/** A height that all volumes of a group have. */
export interface GroupHeight {
  readonly height: Height;
  /** Whether btm made the snapshots, all of them. */
  readonly isOurs: boolean;
}

export interface GroupListing {
  /** Ascending. */
  readonly heights: readonly GroupHeight[];
  /** The volumes that lack heights which others have snapshots of, and which; ascending. They count for none. */
  readonly lacking: readonly { readonly volume: string; readonly heights: readonly Height[] }[];
}

/** What a rollback and its undoing have in common. */
export interface SwitchOptions extends PlannedOptions<RollbackResult> {
  /**
   * How many undo points there may be afterwards, the new one counted, 1 or more. Older ones are dropped. Unless given it is
   * 1, or all where there is nothing newer than the snapshot: a rollback that is done once more drops nothing.
   */
  readonly keepUndo?: bigint | number | string;
  /** Go on although processes have the volume in use: they keep what they have open, which is moved aside. */
  readonly force?: boolean;
  /** The systemd units that are stopped before, in this order, and started again afterwards, whatever happens. */
  readonly services?: readonly string[];
  /** Globs, relative to the volume: what they match stays as it is now, byte for byte. */
  readonly preserve?: readonly string[];
  /** Whether a validator may be made to forget what it has signed. */
  readonly allowSignerRewind?: boolean;
}

export interface RollbackOptions extends SwitchOptions {
  /** Refuse when there is no snapshot of exactly the height, instead of taking the nearest below. */
  readonly strict?: boolean;
  /** Destroy the state that is live and the newer snapshots, instead of keeping them as an undo point. */
  readonly discardNewer?: boolean;
  /** With discardNewer on ZFS: also what btm did not make, instead of refusing. */
  readonly discardForeign?: boolean;
}

/** What a rollback, or its undoing, did; or what it would do. */
export interface RollbackResult {
  /** The height that was asked for; undefined for the latest, and when an undo point is brought back. */
  readonly asked: Height | undefined;
  readonly choice: "latest" | "exact" | "nearest-below";
  /** The snapshot that is live now, or would be; undefined when an undo point is brought back. */
  readonly target: Snapshot | undefined;
  /** The undo point that is brought back; undefined when it is a snapshot. */
  readonly point: UndoPoint | undefined;
  /** The snapshots above the target, or above where the timelines part, before. */
  readonly newer: readonly Snapshot[];
  /** How many blocks the newest snapshot is above what it goes back to; negative when it goes forwards. */
  readonly back: bigint;
  /** The snapshots that are kept in the undo point, ascending. */
  readonly moved: readonly Snapshot[];
  /** The snapshots that come back with the undo point, ascending. */
  readonly returned: readonly Snapshot[];
  /** The marked snapshots that it destroys, ascending; none without discardNewer. */
  readonly destroyed: readonly Snapshot[];
  /** What btm did not make and that it destroys, as discardForeign allows. */
  readonly discarded: readonly Foreign[];
  /** The older undo points that are dropped when it is done, ascending by number. */
  readonly dropped: readonly UndoPoint[];
  /** What the state that was live is now, or would be; undefined when it is lost. */
  readonly undo: PlannedUndoPoint | undefined;
  /** The paths that stay as they are now, relative to the volume. */
  readonly preserved: readonly string[];
  /** The signer state that is another now than in the state it goes back to. */
  readonly signer: readonly SignerFile[];
  /** The units that are stopped, in that order, with those that systemd stops with them. */
  readonly services: readonly Service[];
  /** What stands in the way; empty unless this is a dry run. */
  readonly blockers: readonly Blocker[];
  readonly warnings: readonly string[];
  readonly recovered: readonly string[];
  readonly dryRun: boolean;
}

export interface UndoPointsOptions extends CallOptions {
  /** Also how many bytes each holds, which looks at all their files. */
  readonly measure?: boolean;
}

export interface DropResult {
  /** What was dropped, or would be, ascending by number. */
  readonly points: readonly UndoPoint[];
  /** What stands in the way; empty unless this is a dry run. */
  readonly blockers: readonly Blocker[];
  readonly warnings: readonly string[];
  readonly recovered: readonly string[];
  readonly dryRun: boolean;
}

export interface RecoverOptions extends CallOptions {
  /** Says what would be done, changes nothing. */
  readonly dryRun?: boolean;
}

export interface RecoverResult {
  /** What was finished, undone or started, in words; empty when nothing had been interrupted. */
  readonly recovered: readonly string[];
  readonly dryRun: boolean;
}

export interface PinOptions extends CallOptions {
  /** Why it is kept: one line of at most 200 characters. */
  readonly note?: string;
}

export interface PinResult {
  /** As it is now. */
  readonly snapshot: Snapshot;
  readonly recovered: readonly string[];
}

export interface OpenOptions extends CallOptions {
  /** Where it is to be seen, an absolute path that does not exist or an empty directory; beside the volume unless given. */
  readonly at?: string;
  /** Make nothing, and give the path of the snapshot itself. */
  readonly readOnly?: boolean;
}

export interface OpenResult {
  readonly height: Height;
  /** As the file system calls it. */
  readonly name: string;
  /** Where its files are; of a zvol its device. */
  readonly path: string | undefined;
  readonly readOnly: boolean;
  readonly recovered: readonly string[];
}

export interface CloseResult {
  readonly height: Height;
  readonly name: string;
  /** Where it was. */
  readonly path: string | undefined;
  readonly recovered: readonly string[];
}

export interface VerifyOptions extends CallOptions, CommandOptions {
  /** How the node is asked where it stands; without it the command itself is the check, and 0 its good end. */
  readonly follow?: FollowOptions;
}

export interface VerifyResult {
  readonly height: Height;
  /** Of the snapshot, as the file system calls it. */
  readonly name: string;
  /** What came of it, as it is kept beside the snapshot. */
  readonly verified: Verified;
  /** The last lines that the command printed, at most 20, as they are. */
  readonly said: readonly string[];
  readonly warnings: readonly string[];
  readonly recovered: readonly string[];
}

export interface BisectOptions extends CallOptions, CommandOptions {
  /** A height at which the command is known to succeed; there must be a snapshot of it. */
  readonly good: HeightInput;
  /** A higher one at which it is known to fail; there must be a snapshot of it. */
  readonly bad: HeightInput;
  /** Believe that, instead of running the command on both first. */
  readonly trustEnds?: boolean;
  /** Told of each as it is found. */
  readonly onStep?: (step: BisectStep) => void;
}

/** What the command said of one snapshot. */
export interface BisectStep {
  readonly height: Height;
  readonly finding: Finding;
  /** The exit status of the command; undefined when the snapshot was gone. */
  readonly status: number | undefined;
  readonly seconds: number;
  /** How many may yet be looked at, of how many. */
  readonly left: number;
  readonly of: number;
}

export interface BisectResult {
  readonly lastGood: Height;
  /** The lowest that is known to be bad. */
  readonly firstBad: Height;
  /** One of these is the first bad: firstBad alone, unless some right below it were skipped; ascending. */
  readonly suspects: readonly Height[];
  readonly steps: readonly BisectStep[];
  readonly warnings: readonly string[];
  readonly recovered: readonly string[];
}

export interface CleanOptions extends PlannedOptions<CleanResult> {
  /** How many of the newest snapshots stay, 0 or more; 0 unless given. */
  readonly kept?: bigint | number | string;
}

export interface CleanResult {
  /** What was destroyed, or would be, ascending. */
  readonly removed: readonly Snapshot[];
  /** What stays, ascending: the newest ones, those pinned or needed, and those that btm did not make. */
  readonly kept: readonly Snapshot[];
  /** Those of them that are older, and stay because they are pinned or needed, ascending. */
  readonly spared: readonly Snapshot[];
  readonly failed: readonly Failure[];
  readonly recovered: readonly string[];
  readonly dryRun: boolean;
}

export interface ThinOptions extends CallOptions {
  /** How many may stay, 1 to 65,536. */
  readonly cap: bigint | number | string;
  /** How many go at the most; all that are too many unless given. */
  readonly atMost?: number;
}

export interface ThinResult {
  /** What was destroyed, ascending. */
  readonly removed: readonly Snapshot[];
  readonly failed: readonly Failure[];
  readonly recovered: readonly string[];
}

export interface AdoptResult {
  /** What was marked, or would be, ascending. */
  readonly adopted: readonly Snapshot[];
  readonly failed: readonly Failure[];
  readonly recovered: readonly string[];
  readonly dryRun: boolean;
}

export interface BtmDeps {
  /** Told before and after every change to the disk. */
  readonly onStep?: StepObserver;
  /** The time that is written into undo points. */
  readonly now?: () => Date;
  /** Told once of each name or path that a volume given otherwise turned out to be. */
  readonly onResolved?: (resolved: string) => void;
  /** The zfs command, absolute; looked for in the usual places unless given. */
  readonly zfsCommand?: string;
  /** How long one command may take before it is ended, in milliseconds; what suits each unless given. */
  readonly commandTimeoutMs?: number;
}
