import { expect, it } from "vitest";

import { someSnapshot } from "../../test/support/some-snapshot.ts";
import type { Snapshot } from "../driver/driver.ts";
import { dueForProof, lastProof, nextRetryMs, PERIODS } from "./verify-schedule.ts";

const NOW = Date.parse("2026-11-26T12:00:00Z");

function snapshot(height: bigint, agoMs?: number): Snapshot {
  const verified = { outcome: "exact", at: new Date(NOW - (agoMs ?? 0)).toISOString(), seconds: 1 } as const;
  return someSnapshot(height, agoMs === undefined ? {} : { record: { btm: 1, verified } });
}

const due = (snapshots: readonly Snapshot[], triedAt?: number): bigint | undefined =>
  dueForProof(snapshots, "weekly", { now: NOW, triedAt })?.height;

it("verifies the newest when there is no proof, and when the last is as old as the period", () => {
  const week = PERIODS.weekly;
  expect(due([])).toBeUndefined();
  expect(due([snapshot(10n), snapshot(20n)])).toBe(20n);
  expect(due([snapshot(10n, week), snapshot(20n)])).toBe(20n);
  expect(due([snapshot(10n, week - 1), snapshot(20n)])).toBeUndefined();
  // There is nothing newer to prove.
  expect(due([snapshot(10n, week * 2)])).toBeUndefined();
  expect(due([snapshot(10n, -week), snapshot(20n)])).toBe(20n);
  expect(due([{ ...snapshot(10n), mark: undefined }])).toBeUndefined();
});

it("does not go by a proof from the future, which a clock that went wrong has written", () => {
  const future = snapshot(10n, -10 * PERIODS.weekly);
  expect(lastProof([future, snapshot(20n, 5)], NOW)?.snapshot.height).toBe(20n);
  expect(due([future, snapshot(20n, 5), snapshot(30n)])).toBeUndefined();
  expect(lastProof([future], NOW)).toBeUndefined();
  // The clock was set right by some seconds meanwhile.
  expect(lastProof([snapshot(10n, -5000)], NOW)?.snapshot.height).toBe(10n);
});

it("waits twice as long after each try that has left no proof, a day at most", () => {
  const hour = 3_600_000;
  const pauses: number[] = [];
  for (let tries = 0; tries < 7; tries++) pauses.push(nextRetryMs(pauses.at(-1)));
  expect(pauses).toEqual([1, 2, 4, 8, 16, 24, 24].map((hours) => hours * hour));
  const tried = { now: NOW, triedAt: NOW - 3 * hour, retryMs: 4 * hour };
  expect(dueForProof([snapshot(10n)], "weekly", tried)).toBeUndefined();
});

it("tries again after an hour when none came of it", () => {
  expect(due([snapshot(10n)], NOW - 1)).toBeUndefined();
  expect(due([snapshot(10n)], NOW - 3_600_000)).toBe(10n);
});

it("takes the last proof by its time, not by its height", () => {
  expect(lastProof([snapshot(10n, 1), snapshot(20n, 5), snapshot(30n)], NOW)?.snapshot.height).toBe(10n);
  expect(lastProof([snapshot(10n)], NOW)).toBeUndefined();
});
