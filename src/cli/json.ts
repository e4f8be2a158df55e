/**
 * The results as the documents of --json hold them: heights as decimal strings (JSON numbers are doubles, exact to 2^53
 * only), times in ISO 8601 UTC, absent values null. The contract is docs/json.md; fields are added, never changed.
 */
import type { Blocker, Foreign, OpenClone, PlannedUndoPoint, Snapshot, UndoPoint } from "../driver/driver.ts";
import type { Quiesce } from "../node-facts.ts";
import type { Verified } from "../record.ts";
import type * as results from "../results.ts";
import { isBtmError } from "../errors.ts";

interface SnapshotJson {
  readonly height: string;
  readonly name: string;
  readonly path: string | null;
  readonly createdAt: string;
  readonly marked: boolean;
  readonly adopted: boolean;
  readonly pinned: boolean;
  readonly note: string | null;
  readonly neededBy: readonly string[];
  readonly uuid: string;
  readonly node: NodeJson | null;
  readonly verified: VerifiedJson | null;
}

interface NodeJson {
  readonly family: string;
  readonly chain: string | null;
  readonly hash: string | null;
  readonly before: string;
  readonly after: string | null;
  readonly quiesce: Quiesce;
}

interface VerifiedJson {
  readonly outcome: Verified["outcome"];
  readonly height: string | null;
  readonly hash: string | null;
  readonly at: string;
  readonly seconds: number;
  readonly why: string | null;
}

interface PlannedUndoJson {
  readonly number: number;
  readonly place: string;
  readonly from: string | null;
  readonly to: string;
}

interface UndoPointJson extends PlannedUndoJson {
  readonly at: string;
  readonly snapshots: readonly string[];
  readonly uuid: string;
  readonly bytes: string | null;
}

interface CloneJson {
  readonly height: string;
  readonly name: string;
  readonly path: string | null;
  readonly openedAt: string;
  readonly uuid: string;
  readonly isForCheck: boolean;
}

interface BlockerJson {
  readonly kind: Blocker["kind"];
  readonly message: string;
  readonly hint: string;
  readonly unit: string | null;
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
  readonly clones: readonly CloneJson[];
  /** How many there are. */
  readonly undoPoints: number | null;
  readonly pending: readonly string[];
}

export interface TakenJson extends ChangeJson {
  readonly height: string;
  readonly taken: boolean;
  readonly reason: results.SnapshotResult["reason"];
  readonly last: string | null;
  /** Of "superseded": the height that is taken instead. */
  readonly winner: string | null;
  readonly pruned: readonly string[];
  readonly failed: readonly FailureJson[];
}

export interface RollbackJson extends ChangeJson {
  readonly asked: string | null;
  readonly choice: results.RollbackResult["choice"];
  readonly target: SnapshotJson | null;
  readonly point: UndoPointJson | null;
  readonly newer: readonly string[];
  readonly back: string;
  readonly moved: readonly string[];
  readonly returned: readonly string[];
  readonly destroyed: readonly string[];
  readonly discarded: readonly Foreign[];
  readonly dropped: readonly UndoPointJson[];
  readonly undo: PlannedUndoJson | null;
  readonly preserved: readonly string[];
  readonly signer: results.RollbackResult["signer"];
  readonly services: readonly ServiceJson[];
  readonly blockers: readonly BlockerJson[];
  readonly warnings: readonly string[];
}

interface ServiceJson {
  readonly unit: string;
  readonly isRunning: boolean;
  readonly neededFor: string | null;
}

export interface UndoListJson extends VolumeJson {
  readonly undoPoints: readonly UndoPointJson[];
}

export interface DropJson extends ChangeJson {
  readonly dropped: readonly UndoPointJson[];
  readonly blockers: readonly BlockerJson[];
  readonly warnings: readonly string[];
}

export interface PinJson extends VolumeJson {
  readonly snapshot: SnapshotJson;
  readonly recovered: readonly string[];
}

export interface OpenJson extends VolumeJson {
  readonly height: string;
  readonly name: string;
  readonly path: string | null;
  readonly readOnly: boolean;
  readonly recovered: readonly string[];
}

export interface CloseJson extends VolumeJson {
  readonly height: string;
  readonly name: string;
  readonly path: string | null;
  readonly recovered: readonly string[];
}

export interface VerifyJson extends VolumeJson {
  readonly height: string;
  readonly name: string;
  readonly verified: VerifiedJson;
  readonly said: readonly string[];
  readonly warnings: readonly string[];
  readonly recovered: readonly string[];
}

export interface BisectJson extends VolumeJson {
  readonly lastGood: string;
  readonly firstBad: string;
  readonly suspects: readonly string[];
  readonly steps: readonly BisectStepJson[];
  readonly warnings: readonly string[];
  readonly recovered: readonly string[];
}

interface BisectStepJson {
  readonly height: string;
  readonly finding: results.BisectStep["finding"];
  readonly status: number | null;
  readonly seconds: number;
  readonly left: number;
  readonly of: number;
}

export interface CleanJson extends ChangeJson {
  readonly removed: readonly string[];
  readonly kept: readonly string[];
  readonly spared: readonly string[];
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
    note: snapshot.note ?? null,
    neededBy: snapshot.neededBy,
    uuid: snapshot.uuid,
    node: nodeJson(snapshot),
    verified: snapshot.record?.verified === undefined ? null : verifiedJson(snapshot.record.verified),
  };
}

function nodeJson({ mark, record }: Snapshot): NodeJson | null {
  if (mark?.node === undefined) return null;
  const { family, chain, hash, before, quiesce } = mark.node;
  return { family, chain: chain ?? null, hash: hash ?? null, before, after: record?.after?.height ?? null, quiesce };
}

function verifiedJson(verified: Verified): VerifiedJson {
  const { outcome, height, hash, at, seconds, why } = verified;
  return { outcome, height: height ?? null, hash: hash ?? null, at, seconds, why: why ?? null };
}

export function listJson(of: VolumeJson, { snapshots, clones, undoPoints, pending }: results.Overview): ListJson {
  return {
    ...of,
    snapshots: snapshots.map(snapshotJson),
    clones: clones.map(cloneJson),
    undoPoints: undoPoints?.length ?? null,
    pending,
  };
}

export function takenJson(of: VolumeJson, result: results.SnapshotResult): TakenJson {
  return {
    ...of,
    height: String(result.height),
    taken: result.taken,
    reason: result.reason,
    last: result.last === undefined ? null : String(result.last),
    winner: result.winner === undefined ? null : String(result.winner),
    pruned: result.pruned.map(String),
    failed: result.failed.map(failureJson),
    recovered: result.recovered,
    dryRun: result.dryRun,
  };
}

/** Of a rollback and of an undo. */
export function rollbackJson(of: VolumeJson, result: results.RollbackResult): RollbackJson {
  const { asked, target, point, undo } = result;
  return {
    ...of,
    asked: asked === undefined ? null : String(asked),
    choice: result.choice,
    target: target === undefined ? null : snapshotJson(target),
    point: point === undefined ? null : undoPointJson(point),
    newer: heightsJson(result.newer),
    back: String(result.back),
    moved: heightsJson(result.moved),
    returned: heightsJson(result.returned),
    destroyed: heightsJson(result.destroyed),
    discarded: result.discarded,
    dropped: result.dropped.map(undoPointJson),
    undo: undo === undefined ? null : plannedUndoJson(undo),
    preserved: result.preserved,
    signer: result.signer,
    services: result.services.map(({ unit, isRunning, neededFor }) => {
      return { unit, isRunning, neededFor: neededFor ?? null };
    }),
    blockers: result.blockers.map(blockerJson),
    warnings: result.warnings,
    recovered: result.recovered,
    dryRun: result.dryRun,
  };
}

export function undoListJson(of: VolumeJson, points: readonly UndoPoint[]): UndoListJson {
  return { ...of, undoPoints: points.map(undoPointJson) };
}

export function dropJson(of: VolumeJson, result: results.DropResult): DropJson {
  return {
    ...of,
    dropped: result.points.map(undoPointJson),
    blockers: result.blockers.map(blockerJson),
    warnings: result.warnings,
    recovered: result.recovered,
    dryRun: result.dryRun,
  };
}

export function recoverJson(of: VolumeJson, { recovered, dryRun }: results.RecoverResult): ChangeJson {
  return { ...of, recovered, dryRun };
}

export function pinJson(of: VolumeJson, { snapshot, recovered }: results.PinResult): PinJson {
  return { ...of, snapshot: snapshotJson(snapshot), recovered };
}

export function openJson(of: VolumeJson, result: results.OpenResult): OpenJson {
  const { height, name, path, readOnly, recovered } = result;
  return { ...of, height: String(height), name, path: path ?? null, readOnly, recovered };
}

export function closeJson(of: VolumeJson, { height, name, path, recovered }: results.CloseResult): CloseJson {
  return { ...of, height: String(height), name, path: path ?? null, recovered };
}

export function verifyJson(of: VolumeJson, result: results.VerifyResult): VerifyJson {
  const { height, name, verified, said, warnings, recovered } = result;
  return { ...of, height: String(height), name, verified: verifiedJson(verified), said, warnings, recovered };
}

export function bisectJson(of: VolumeJson, result: results.BisectResult): BisectJson {
  const { lastGood, firstBad, suspects, warnings, recovered } = result;
  return {
    ...of,
    lastGood: String(lastGood),
    firstBad: String(firstBad),
    suspects: suspects.map(String),
    steps: result.steps.map(({ height, status, ...step }) => ({
      height: String(height),
      status: status ?? null,
      ...step,
    })),
    warnings,
    recovered,
  };
}

export function cleanJson(of: VolumeJson, result: results.CleanResult): CleanJson {
  return {
    ...of,
    removed: result.removed.map((snapshot) => String(snapshot.height)),
    kept: result.kept.map((snapshot) => String(snapshot.height)),
    spared: result.spared.map((snapshot) => String(snapshot.height)),
    failed: result.failed.map(failureJson),
    recovered: result.recovered,
    dryRun: result.dryRun,
  };
}

export function adoptJson(of: VolumeJson, result: results.AdoptResult): AdoptJson {
  return {
    ...of,
    adopted: result.adopted.map((snapshot) => String(snapshot.height)),
    failed: result.failed.map(failureJson),
    recovered: result.recovered,
    dryRun: result.dryRun,
  };
}

function heightsJson(snapshots: readonly Snapshot[]): string[] {
  return snapshots.map(({ height }) => String(height));
}

function plannedUndoJson({ number, place, from, to }: PlannedUndoPoint): PlannedUndoJson {
  return { number, place, from: from === undefined ? null : String(from), to: String(to) };
}

function undoPointJson(point: UndoPoint): UndoPointJson {
  const { at, snapshots, uuid, bytes } = point;
  return {
    ...plannedUndoJson(point),
    at: at.toISOString(),
    snapshots: heightsJson(snapshots),
    uuid,
    bytes: bytes === undefined ? null : String(bytes),
  };
}

function cloneJson({ height, name, path, openedAt, uuid, isForCheck }: OpenClone): CloneJson {
  return { height: String(height), name, path: path ?? null, openedAt: openedAt.toISOString(), uuid, isForCheck };
}

function blockerJson({ kind, message, hint, unit }: Blocker): BlockerJson {
  return { kind, message, hint, unit: unit ?? null };
}

function failureJson({ snapshot, error }: results.Failure): FailureJson {
  return {
    height: String(snapshot.height),
    code: isBtmError(error) ? error.code : "SYSTEM_ERROR",
    message: error.message,
  };
}
