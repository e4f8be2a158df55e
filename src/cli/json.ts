/**
 * The results as the documents of --json hold them: heights as decimal strings (JSON numbers are doubles, exact to 2^53
 * only), times in ISO 8601 UTC, absent values null. The contract is docs/json.md; fields are added, never changed.
 */
import type { AdoptResult, CleanResult, Failure, RollbackResult, SnapshotResult } from "../results.ts";
import type { Snapshot } from "../driver/driver.ts";
import { isBtmError } from "../errors.ts";

export function snapshotJson(snapshot: Snapshot) {
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

export function listJson(volume: string, snapshots: readonly Snapshot[]) {
  return { volume, snapshots: snapshots.map(snapshotJson) };
}

export function takenJson(volume: string, result: SnapshotResult) {
  return {
    volume,
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

export function rollbackJson(volume: string, result: RollbackResult) {
  return {
    volume,
    asked: result.asked === undefined ? null : String(result.asked),
    choice: result.choice,
    target: snapshotJson(result.target),
    newer: result.newer.map((snapshot) => String(snapshot.height)),
    undo: result.undo,
    blockers: result.blockers,
    warnings: result.warnings,
    recovered: result.recovered,
    dryRun: result.dryRun,
  };
}

export function cleanJson(volume: string, result: CleanResult) {
  return {
    volume,
    removed: result.removed.map((snapshot) => String(snapshot.height)),
    kept: result.kept.map((snapshot) => String(snapshot.height)),
    failed: result.failed.map(failureJson),
    recovered: result.recovered,
    dryRun: result.dryRun,
  };
}

export function adoptJson(volume: string, result: AdoptResult) {
  return {
    volume,
    adopted: result.adopted.map((snapshot) => String(snapshot.height)),
    failed: result.failed.map(failureJson),
    recovered: result.recovered,
    dryRun: result.dryRun,
  };
}

function failureJson({ snapshot, error }: Failure) {
  return {
    height: String(snapshot.height),
    code: isBtmError(error) ? error.code : "SYSTEM_ERROR",
    message: error.message,
  };
}
