import { randomUUID } from "node:crypto";

import { BtmError, isBtmError } from "../../errors.ts";
import { count, quote } from "../../text.ts";
import type { RollbackPlan } from "../driver.ts";
import type { ZfsCommand } from "./command.ts";
import { forgetJournal, type Journal, writeJournal } from "./journal.ts";
import { lookAround, mountAgain, unmountVolume } from "./mount.ts";
import { PROPERTY } from "./names.ts";
import { mountAt, type Place } from "./place.ts";
import { type Expected, runRollback } from "./rollback-program.ts";
import { list } from "./rows.ts";
import type { Step } from "./step.ts";

/** What a rollback works with. */
export interface Work {
  readonly place: Place;
  readonly zfs: ZfsCommand;
  /** The lock of the volume. */
  readonly lock: number;
  readonly step: Step;
}

/**
 * Rolls the dataset back in place. What is newer and the rollback itself are one transaction; around it the dataset is
 * unmounted, for pages of files mapped before would go on being served (openzfs #11482), and a journal says how to mount it
 * again.
 *
 * @returns what the user should know
 */
export async function rollbackInPlace(work: Work, plan: RollbackPlan, guid: string): Promise<string[]> {
  const { place, zfs, lock, step } = work;
  const { dataset, mount, mounts } = place;
  const { goal } = plan;
  if (goal.kind !== "snapshot") throw new TypeError("An undo point is brought back by a switch");
  const target = goal.snapshot;
  const height = String(target.height);
  const action = `roll back ${quote(dataset)} to ${height}`;
  mustBeRoot(action);
  const call = { action, lock };
  const { olderBookmarks, way } = await lookAround(zfs, place, target, action);
  const doomed = plan.discarded.filter(({ kind }) => kind === "bookmark").map(({ name }) => name);
  const token = `${guid} ${height} ${randomUUID()}`;
  // The kernel mounts snapshots by itself below .zfs, and takes them away with the volume.
  const shown = mounts.map(({ source }) => source).filter((source) => source.startsWith(`${dataset}@`));
  const expected: Expected = {
    dataset,
    target,
    newer: [...plan.destroyed.toReversed(), ...plan.discarded.filter(({ kind }) => kind === "snapshot")],
    bookmarks: [...olderBookmarks, ...doomed],
    done: { property: PROPERTY.done, value: token },
    busyNow: mount === undefined ? [] : [dataset, ...shown],
  };
  // What the kernel alone knows, such as a snapshot that is being sent, is found while nothing is changed yet.
  await runRollback(zfs, "check", expected, call);

  const journal: Journal | undefined = mount && {
    btm: 1,
    dataset,
    guid,
    height,
    mountPoint: mount.mountPoint,
    options: mount.options,
    way,
    token,
  };
  if (journal !== undefined) await step("write journal", () => writeJournal(journal));
  const failure = await failureOf(async () => {
    if (mount !== undefined) await step("unmount", () => unmountVolume(zfs, place, mount, call));
    // A channel program cannot destroy bookmarks.
    for (const name of doomed) await step("destroy bookmark", () => zfs.change(["destroy", name], call));
    await step("roll back", () => runRollback(zfs, "roll back", expected, call));
  });
  const verdict = failure === undefined ? {} : await judge(work, plan, token, failure);
  let warnings: string[] = [];
  const unfinished = await failureOf(async () => {
    warnings = await restore(work, guid, journal, action);
  });
  if (unfinished !== undefined) throw notRestored(work, journal, height, verdict, unfinished);
  if (verdict.error !== undefined) throw verdict.error;
  return verdict.warning === undefined ? warnings : [verdict.warning, ...warnings];
}

/** What a rollback came to whose command failed. */
interface Verdict {
  /** It is not done. */
  readonly error?: Error;
  /** It is done all the same. */
  readonly warning?: string;
}

/** The disk tells what a command that was killed, or gave no answer, has done. */
async function judge({ place, zfs }: Work, plan: RollbackPlan, token: string, failure: Error): Promise<Verdict> {
  const { dataset } = place;
  // The program itself, or umount, has said what it did.
  if (isBtmError(failure) && ["PLAN_CHANGED", "BLOCKED", "PARTLY_DONE"].includes(failure.code))
    return { error: failure };
  const query = { types: "filesystem,volume,snapshot", columns: [PROPERTY.done], dataset };
  const rows = await list(zfs, { ...query, action: `look at ${quote(dataset)}` }).catch(() => undefined);
  if (rows === undefined) return { error: failure };
  const isDone = rows.find((row) => row.name === dataset)?.value(PROPERTY.done) === token;
  if (isDone) return { warning: `it is done, although its command failed: ${failure.message}` };
  const there = new Set(rows.map((row) => row.guid));
  const newer = [...plan.destroyed, ...plan.discarded.filter(({ kind }) => kind === "snapshot")];
  const gone = newer.filter(({ uuid }) => !there.has(uuid));
  if (gone.length === 0) return { error: failure };
  const what = `${count(gone.length, "newer snapshot")} of ${String(newer.length)} are destroyed, and what is live is as it was`;
  return { error: new BtmError("PARTLY_DONE", `${failure.message}; ${what}`, { cause: failure }) };
}

function notRestored(
  { place }: Work,
  journal: Journal | undefined,
  height: string,
  verdict: Verdict,
  unfinished: Error,
): BtmError {
  const { dataset } = place;
  const isMounted = journal === undefined || mountAt(dataset, journal.mountPoint) !== undefined;
  const state = verdict.error?.message ?? `${quote(dataset)} is rolled back to ${height}`;
  const what = isMounted ? "but something remains to be done" : "and it is NOT mounted";
  return new BtmError("PARTLY_DONE", `${state}, ${what}: ${unfinished.message}`, {
    hint: "Mend what the message says, then run a btm command that changes the volume: it finishes this. Look at the volume before the node is started",
    cause: verdict.error ?? unfinished,
  });
}

/** What recovery will do, in words. */
export function describeRecovery({ height }: Journal): string {
  return `Would first finish or undo the interrupted rollback to ${height}`;
}

/** Mounts what an interrupted rollback left unmounted; says what became of it. */
export async function recover(work: Work, journal: Journal, done: string | undefined): Promise<string[]> {
  const { height, guid, token } = journal;
  const warnings = await restore(work, guid, journal, `finish the interrupted rollback to ${height}`);
  const what =
    done === token
      ? `Finished the interrupted rollback to ${height}`
      : `Undid the interrupted rollback to ${height}: the live state is as it was`;
  return [what, ...warnings];
}

/** A reboot took the journal, and the rollback was done before it: what it left of itself is cleared. */
export async function clearDone({ place, zfs, lock, step }: Work, done: string): Promise<string[]> {
  const { dataset } = place;
  const action = `look at ${quote(dataset)}`;
  // Inherited, it is not ours to clear.
  const source = await zfs.read(["get", "-H", "-o", "source", PROPERTY.done, dataset], { action });
  if (source.trim() !== "local") return [];
  await step("clear journal", () => zfs.change(["inherit", PROPERTY.done, dataset], { action, lock }));
  return [`The rollback to ${done.split(" ")[1] ?? "?"} was done, and interrupted after that`];
}

/** Mounts the volume where it was, unless it is, and forgets the rollback. */
async function restore(
  { place, zfs, lock, step }: Work,
  guid: string,
  journal: Journal | undefined,
  action: string,
): Promise<string[]> {
  const { dataset } = place;
  const call = { action, lock };
  const isThere = journal === undefined || mountAt(dataset, journal.mountPoint) !== undefined;
  const warnings = isThere ? [] : await step("mount", () => mountAgain(zfs, dataset, journal, call));
  await step("clear journal", async () => {
    // In this order: without the property it would seem not to have been done.
    await forgetJournal(guid);
    await zfs.change(["inherit", PROPERTY.done, dataset], call);
  });
  return warnings;
}

export async function failureOf(work: () => Promise<void>): Promise<Error | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** Mounting needs it on Linux whatever zfs allow says (zfs-allow(8)), and so does a channel program. */
export function mustBeRoot(action: string): void {
  if (process.geteuid?.() === 0) return;
  throw new BtmError("PERMISSION_DENIED", `Cannot ${action}: only root may unmount and mount it`, {
    hint: "Run it as root",
  });
}
