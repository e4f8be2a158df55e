/** What the calls of a {@link Btm} take and give. */
import type { Blocker, Foreign, Snapshot, StepObserver, UndoPoint } from "./driver/driver.ts";
import type { Height } from "./height.ts";

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

export interface SnapshotOptions extends CallOptions {
  /** Take it although the interval has one already; never when one of that height exists. */
  readonly force?: boolean;
  /** Whether to thin the snapshots to cap afterwards; yes unless given. */
  readonly prune?: boolean;
  /** Says what would be done, changes nothing. */
  readonly dryRun?: boolean;
}

export interface Failure {
  readonly snapshot: Snapshot;
  readonly error: Error;
}

export interface SnapshotResult {
  /** Whether there is a new snapshot; in a dry run, whether there would be. */
  readonly taken: boolean;
  readonly height: Height;
  /** "due" and "forced" are reasons to take it, "exists" and "not-due" not to. */
  readonly reason: "due" | "forced" | "exists" | "not-due";
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

export interface RollbackOptions extends PlannedOptions<RollbackResult> {
  /** Refuse when there is no snapshot of exactly the height, instead of taking the nearest below. */
  readonly strict?: boolean;
  /** Where a rollback destroys what is newer: also what btm did not make, instead of refusing. */
  readonly discardForeign?: boolean;
}

export interface RollbackResult {
  /** The height that was asked for; undefined for the latest. */
  readonly asked: Height | undefined;
  /** The snapshot that is live now, or would be. */
  readonly target: Snapshot;
  readonly choice: "latest" | "exact" | "nearest-below";
  /** The snapshots above the target, before the rollback. */
  readonly newer: readonly Snapshot[];
  /** The marked snapshots that it destroys: those taken after the target on ZFS, none on Btrfs. */
  readonly destroyed: readonly Snapshot[];
  /** What btm did not make and that it destroys, as discardForeign allows. */
  readonly discarded: readonly Foreign[];
  /** Where the state that was live is kept; undefined when it is lost, as on ZFS. */
  readonly undo: UndoPoint | undefined;
  /** What stands in the way; empty unless this is a plan. */
  readonly blockers: readonly Blocker[];
  readonly warnings: readonly string[];
  readonly recovered: readonly string[];
  readonly dryRun: boolean;
}

export interface CleanOptions extends PlannedOptions<CleanResult> {
  /** How many of the newest snapshots stay, 0 or more; 0 unless given. */
  readonly kept?: bigint | number | string;
}

export interface CleanResult {
  /** What was destroyed, or would be, ascending. */
  readonly removed: readonly Snapshot[];
  /** What stays, ascending: the newest ones, pinned ones, and those that btm did not make. */
  readonly kept: readonly Snapshot[];
  readonly failed: readonly Failure[];
  readonly recovered: readonly string[];
  readonly dryRun: boolean;
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
