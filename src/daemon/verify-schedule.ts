import type { Snapshot } from "../driver/driver.ts";
import type { Verified } from "../record.ts";

export const PERIODS = { daily: 24 * 3_600_000, weekly: 7 * 24 * 3_600_000, monthly: 30 * 24 * 3_600_000 } as const;
export type Period = keyof typeof PERIODS;

/** How the newest snapshot is verified from time to time. */
export interface VerifyConfig {
  readonly every: Period;
  /** The program that is the node, and its arguments. */
  readonly command: readonly string[];
  /** Where the node that is started answers; undefined where the command itself is the check. */
  readonly follow: string | undefined;
  readonly timeoutSeconds: number;
}

/** What came of the last verification of any of the snapshots. */
export interface Proof {
  readonly snapshot: Snapshot;
  readonly verified: Verified;
}

/**
 * The newest proof by its time; undefined when no snapshot that is there was verified. One from the future was written by a
 * clock that went wrong: it would hide all that come after it.
 *
 * @param now milliseconds of the wall clock
 */
export function lastProof(snapshots: readonly Snapshot[], now: number): Proof | undefined {
  const proofs = snapshots.flatMap((snapshot): Proof[] => {
    const verified = snapshot.record?.verified;
    if (verified === undefined || Date.parse(verified.at) > now + SKEW_MS) return [];
    return [{ snapshot, verified }];
  });
  return proofs.reduce<Proof | undefined>(
    (a, b) => (a === undefined || a.verified.at < b.verified.at ? b : a),
    undefined,
  );
}

interface Tried {
  readonly now: number;
  readonly triedAt: number | undefined;
  readonly retryMs?: number;
}

/** How long to wait after another try that has left no proof: twice as long each time, a day at most. */
export function nextRetryMs(retryMs: number | undefined): number {
  return retryMs === undefined ? RETRY_MS : Math.min(2 * retryMs, PERIODS.daily);
}

/**
 * The snapshot that is to be verified now: the newest of ours, when the last proof is as old as the period; undefined when
 * it is not time yet, or the newest was the last to be verified.
 *
 * @param triedAt when one was last tried without leaving a proof; it is tried again after retryMs
 * @param now milliseconds of the wall clock, as the times of the proofs are
 */
export function dueForProof(
  snapshots: readonly Snapshot[],
  every: Period,
  { now, triedAt, retryMs = RETRY_MS }: Tried,
): Snapshot | undefined {
  const newest = snapshots.findLast(({ mark }) => mark !== undefined);
  const last = lastProof(snapshots, now);
  if (newest === undefined || newest.uuid === last?.snapshot.uuid) return undefined;
  if (triedAt !== undefined && Math.abs(now - triedAt) < retryMs) return undefined;
  if (last === undefined) return newest;
  const age = now - Date.parse(last.verified.at);
  return age >= PERIODS[every] ? newest : undefined;
}

const RETRY_MS = 3_600_000;
/** A clock that is set right goes back by that at most. */
const SKEW_MS = 60_000;
