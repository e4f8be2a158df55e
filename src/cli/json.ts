/**
 * The results as the documents of --json hold them: heights as decimal strings (JSON numbers are doubles, exact to 2^53
 * only), times in ISO 8601 UTC, absent values null. The contract is docs/json.md; fields are added, never changed.
 */
import type { AdoptResult, CleanResult, Failure, RollbackResult, SnapshotResult } from "../results.ts";
import type { Snapshot, UndoPoint } from "../driver/driver.ts";
import { isBtmError } from "../errors.ts";

interface SnapshotJson {
  readonly height: string;
  readonly name: string;
  readonly path: string | null;
  readonly createdAt: string;
  readonly marked: boolean;
  readonly adopted: boolean;
  readonly pinned: boolean;
  readonly uuid: string;
}

interface FailureJson {
  readonly height: string;
  readonly code: string;
  readonly message: string;
}

export interface VolumeJson {
  /** As it was given. */
  readonly volume: string;
  /** What that names: the dataset of a path, the path without links. */
  readonly resolved: string;
}

/** What the documents of commands that change something share. */
interface ChangeJson extends VolumeJson {
  readonly recovered: readonly string[];
  readonly dryRun: boolean;
}

export interface ListJson extends VolumeJson {
  readonly snapshots: readonly SnapshotJson[];
}

export interface TakenJson extends ChangeJson {
  readonly height: string;
  readonly taken: boolean;
  readonly reason: SnapshotResult["reason"];
  readonly last: string | null;
  readonly pruned: readonly string[];
  readonly failed: readonly FailureJson[];
}

export interface RollbackJson extends ChangeJson {
  readonly asked: string | null;
  readonly choice: RollbackResult["choice"];
  readonly target: SnapshotJson;
  readonly newer: readonly string[];
  readonly destroyed: readonly string[];
  readonly discarded: RollbackResult["discarded"];
  readonly undo: UndoPoint | null;
  readonly blockers: RollbackResult["blockers"];
  readonly warnings: readonly string[];
}

export interface CleanJson extends ChangeJson {
  readonly removed: readonly string[];
  readonly kept: readonly string[];
  readonly failed: readonly FailureJson[];
}

export interface AdoptJson extends ChangeJson {
  readonly adopted: readonly string[];
  readonly failed: readonly FailureJson[];
}

function snapshotJson(snapshot: Snapshot): SnapshotJson {
  return {
    height: String(snapshot.height),
    name: snapshot.name,
    path: snapshot.path ?? null,
    createdAt: snapshot.createdAt.toISOString(),
    marked: snapshot.mark !== undefined,
    adopted: snapshot.mark?.adopted ?? false,
    pinned: snapshot.pinned,
    uuid: snapshot.uuid,
  };
}

export function listJson(of: VolumeJson, snapshots: readonly Snapshot[]): ListJson {
  return { ...of, snapshots: snapshots.map(snapshotJson) };
}

export function takenJson(of: VolumeJson, result: SnapshotResult): TakenJson {
  return {
    ...of,
    height: String(result.height),
    taken: result.taken,
    reason: result.reason,
    last: result.last === undefined ? null : String(result.last),
    pruned: result.pruned.map(String),
    failed: result.failed.map(failureJson),
    recovered: result.recovered,
    dryRun: result.dryRun,
  };
}

export function rollbackJson(of: VolumeJson, result: RollbackResult): RollbackJson {
  return {
    ...of,
    asked: result.asked === undefined ? null : String(result.asked),
    choice: result.choice,
    target: snapshotJson(result.target),
    newer: result.newer.map((snapshot) => String(snapshot.height)),
    destroyed: result.destroyed.map((snapshot) => String(snapshot.height)),
    discarded: result.discarded,
    undo: result.undo ?? null,
    blockers: result.blockers,
    warnings: result.warnings,
    recovered: result.recovered,
    dryRun: result.dryRun,
  };
}

export function cleanJson(of: VolumeJson, result: CleanResult): CleanJson {
  return {
    ...of,
    removed: result.removed.map((snapshot) => String(snapshot.height)),
    kept: result.kept.map((snapshot) => String(snapshot.height)),
    failed: result.failed.map(failureJson),
    recovered: result.recovered,
    dryRun: result.dryRun,
  };
}

export function adoptJson(of: VolumeJson, result: AdoptResult): AdoptJson {
  return {
    ...of,
    adopted: result.adopted.map((snapshot) => String(snapshot.height)),
    failed: result.failed.map(failureJson),
    recovered: result.recovered,
    dryRun: result.dryRun,
  };
}

function failureJson({ snapshot, error }: Failure): FailureJson {
  return {
    height: String(snapshot.height),
    code: isBtmError(error) ? error.code : "SYSTEM_ERROR",
    message: error.message,
  };
}
