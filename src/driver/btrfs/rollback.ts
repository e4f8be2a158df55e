import { fstatSync } from "node:fs";
import { join } from "node:path";

import { BtmError } from "../../errors.ts";
import {
  createSnapshot,
  destroySubvolume,
  setDefaultSubvolume,
  SUBVOLUME_INODE,
  subvolumeInfo,
} from "../../sys/btrfs.ts";
import { withDirectory } from "../../sys/directory.ts";
import { AT_FDCWD, exchangeNames, removeAttribute, syncFileSystem } from "../../sys/libc.ts";
import { processesOn } from "../../sys/processes.ts";
import { quote } from "../../text.ts";
import type { Blocker, DriverDeps, RollbackPlan, StepObserver } from "../driver.ts";
import { Aside, type UndoRecord } from "./aside.ts";
import { processBlockers } from "./blockers.ts";
import type { Journal } from "./journal.ts";
import type { VolumeLock } from "./lock.ts";
import { defaultSubvolume } from "./mounted.ts";
import { asideName, ATTRIBUTE, LIVE, undoName } from "./names.ts";
import { mountOf, type Place, volumeRoot } from "./place.ts";
import { forgetNote, isRemounted, remount } from "./remount.ts";

/** What a rollback works with. */
interface Work {
  readonly place: Place;
  readonly lock: VolumeLock;
  readonly deps: DriverDeps;
}

/**
 * Puts the target in the place of the live state. At every instant the name of the volume leads to a complete one.
 *
 * The order is the reason that a power cut does no harm: the journal reaches the disk with the commit of the snapshot at
 * the latest, the snapshot is synced before the exchange, and the exchange is one entry of one transaction.
 *
 * @returns what the user should know
 */
export async function rollback(work: Work, plan: RollbackPlan, newest: bigint | undefined): Promise<string[]> {
  const { place, deps } = work;
  const live = withDirectory(place.parent, place.base, subvolumeInfo);
  if (plan.undo === undefined) throw new TypeError("A plan of this driver keeps what was live");
  const number = plan.undo.number;
  const to = String(plan.target.height);
  const journal: Journal = {
    btm: 1,
    undo: number,
    height: to,
    target: plan.target.uuid,
    live: live.uuid,
    isDefault: live.id === (await defaultSubvolume(place)),
  };
  const from = newest === undefined ? null : String(newest);
  const aside = await Aside.make(place.parent, place.base, deps.onStep);
  try {
    try {
      await stage(work, aside, plan, journal, { btm: 1, number, at: deps.now().toISOString(), from, to });
      await exchange(work, aside, journal);
    } catch (error) {
      // So that a rollback that failed has changed nothing. What cannot be undone now is left to the next recovery, and
      // the first failure is the one to tell.
      await undoUnfinished(work, aside, journal).catch(() => undefined);
      throw error;
    }
    return await finish(work, aside, journal);
  } finally {
    aside.close();
  }
}

/** Makes the tree that will be live, where the one that is live will be kept. */
async function stage(
  work: Work,
  aside: Aside,
  plan: RollbackPlan,
  journal: Journal,
  record: UndoRecord,
): Promise<void> {
  const { place, deps } = work;
  const step = stepper(deps.onStep);
  await step("write journal", () => aside.writeJournal(journal));
  await step("make undo point", () => aside.makeUndo(journal.undo));
  await step("describe undo point", () => aside.describeUndo(record));
  await step("stage", () =>
    withDirectory(place.parent, plan.target.name, (source) => {
      if (subvolumeInfo(source).uuid !== plan.target.uuid) {
        throw new BtmError(
          "PLAN_CHANGED",
          `Cannot roll back to ${journal.height}: another subvolume is called ${quote(plan.target.name)} by now`,
          {
            hint: "Run the command again and look at the new plan",
          },
        );
      }
      return withDirectory(aside.fd, undoName(journal.undo), (directory) =>
        createSnapshot(directory, LIVE, source, { readOnly: false }),
      );
    }),
  );
  await step("clear mark", () =>
    withDirectory(aside.fd, stagedPath(journal), (staged) => removeAttribute(staged, ATTRIBUTE.mark)),
  );
  await step("sync", () => syncFileSystem(place.parent));
}

async function exchange({ place, lock, deps }: Work, aside: Aside, journal: Journal): Promise<void> {
  const step = stepper(deps.onStep);
  // Staging may have taken seconds: a node that was started meanwhile keeps its disk.
  const users = await processBlockers(place, undefined);
  if (users.length > 0) throw inUse(`roll back to ${journal.height}`, users);
  lockBoth(lock, aside, journal);
  const stagedIn = String(aside.live(journal.undo)?.changedIn);
  await step("commit to exchange", () => aside.writeJournal({ ...journal, stagedIn }));
  await step("exchange", () => exchangeNames(aside.fd, stagedPath(journal), place.parent, place.base));
}

/** Whoever waits for the lock looks again at what the name leads to, and must find that locked as well. */
function lockBoth(lock: VolumeLock, aside: Aside, journal: Journal): void {
  if (lock.extend(aside.fd, stagedPath(journal))) return;
  throw new BtmError("LOCKED", `Cannot roll back to ${journal.height}: something has locked ${stagedPath(journal)}`, {
    hint: "Nothing but btm should: find it with fuser or lsof",
  });
}

/** Finishes or undoes a rollback that was interrupted; says what it did. */
export async function recover(work: Work): Promise<string[]> {
  const { place, lock, deps } = work;
  const aside = await Aside.open(place.parent, place.base);
  if (aside === undefined) return [];
  try {
    const journal = aside.journal();
    if (journal === undefined) return [];
    const { mount } = place;
    if (mount !== undefined && place.isStale) {
      if (isRemounted(mount, volumeRoot(place))) {
        const users = await processBlockers(place, undefined);
        if (users.length > 0) throw inUse(`finish the interrupted rollback to ${journal.height}`, users);
      } else {
        // The mount still shows what was live, so a node may run on it by now: back with it.
        lockBoth(lock, aside, journal);
        const step = stepper(deps.onStep);
        await step("exchange back", () => exchangeNames(aside.fd, stagedPath(journal), place.parent, place.base));
      }
    }
    if (withDirectory(place.parent, place.base, subvolumeInfo).uuid === journal.live) {
      return [await undoUnfinished(work, aside, journal)];
    }
    const warnings = await finish(work, aside, journal);
    const kept = `what was live is kept as undo point ${String(journal.undo)}`;
    return [`Finished the interrupted rollback to ${journal.height}; ${kept}`, ...warnings];
  } finally {
    aside.close();
  }
}

/** After the exchange: make it durable, show it wherever the old state was shown, forget the journal. */
async function finish({ place, deps }: Work, aside: Aside, journal: Journal): Promise<string[]> {
  const step = stepper(deps.onStep);
  const warnings: string[] = [];
  try {
    const live = withDirectory(place.parent, place.base, subvolumeInfo);
    await step("sync again", () => syncFileSystem(place.parent));
    // A file system that is mounted without subvol= shows its default subvolume, which is named by an id.
    if (journal.isDefault) await step("set default", () => setDefaultSubvolume(place.parent, live.id));
    const { mount } = place;
    if (mount !== undefined && withDirectory(AT_FDCWD, mount.mountPoint, subvolumeInfo).id !== live.id) {
      const root = volumeRoot(place);
      const shall = { root, id: live.id, uuid: live.uuid, aside: join(root, "..", asideName(place.base)) };
      warnings.push(...(await remount(mount, shall, deps.onStep)));
    }
    if (mount !== undefined) await forgetNote(mount.mountPoint);
    await step("clear journal", () => aside.clearJournal());
    await step("sync journal", () => syncFileSystem(place.parent));
    return warnings;
  } catch (error) {
    throw unfinished(place, journal, error);
  }
}

/** What a failure after the exchange means: in a mount that still shows the old state, nothing has changed yet. */
function unfinished(place: Place, journal: Journal, error: unknown): BtmError {
  const why = error instanceof Error ? error.message : String(error);
  const shown = place.mount === undefined ? undefined : withDirectory(AT_FDCWD, place.path, subvolumeInfo).uuid;
  const what =
    shown === journal.live
      ? `is not rolled back to ${journal.height}: its mount still shows the old state, to which the next btm command goes back`
      : `is rolled back to ${journal.height}, but something remains to be done, which the next btm command does`;
  return new BtmError("PARTLY_DONE", `${quote(place.path)} ${what}: ${why}`, {
    hint: "Mend what the message says, run a btm command that changes the volume, and look at it before the node is started",
    cause: error,
  });
}

/**
 * Before the exchange, or after an exchange back. What was staged goes, if it is what the journal says and nobody has
 * written to it; otherwise it is kept as the undo point that it lies in. The live state may itself be a copy of the same snapshot, from
 * an earlier rollback to it, so that the origin alone would not tell the two apart.
 */
async function undoUnfinished({ place, deps }: Work, aside: Aside, journal: Journal): Promise<string> {
  const step = stepper(deps.onStep);
  // What is only in memory yet has not raised the number by which it is told.
  await step("sync", () => syncFileSystem(place.parent));
  const live = withDirectory(place.parent, place.base, subvolumeInfo);
  const staged = aside.live(journal.undo);
  if (live.uuid !== journal.live || (staged !== undefined && staged.parentUuid !== journal.target)) {
    throw new BtmError(
      "BLOCKED",
      `Cannot undo the interrupted rollback to ${journal.height}: ${stagedPath(journal)} is not what it made`,
      { hint: "Someone has put something else there: move it away, then run the command again" },
    );
  }
  if (journal.isDefault) await step("set default back", () => setDefaultSubvolume(place.parent, live.id));
  // The last word of the journal, not of the caller: it may have been written since.
  const { stagedIn } = aside.journal() ?? journal;
  const isUntouched =
    stagedIn === undefined || (stagedIn === String(staged?.changedIn) && !(await isStagedInUse(place, aside, journal)));
  if (staged !== undefined && isUntouched) await step("destroy staged", () => destroySubvolume(aside.fd, staged.id));
  if (staged === undefined || isUntouched) await step("remove undo point", () => aside.removeUndo(journal.undo));
  if (place.mount !== undefined) await forgetNote(place.mount.mountPoint);
  await step("clear journal", () => aside.clearJournal());
  await step("sync journal", () => syncFileSystem(place.parent));
  const undone = `Undid the interrupted rollback to ${journal.height}: the live state is as it was`;
  return isUntouched
    ? undone
    : `${undone}; the other, which has been used since, is kept as undo point ${String(journal.undo)}`;
}

/** Whether a process has what was staged open: it was to be seen under the name of the volume, if only for a moment. */
async function isStagedInUse(place: Place, aside: Aside, journal: Journal): Promise<boolean> {
  const { dev } = withDirectory(aside.fd, stagedPath(journal), (fd) => fstatSync(fd, { bigint: true }));
  return (
    (await processesOn(dev, { ownExcept: SUBVOLUME_INODE, fileSystem: mountOf(place)?.device, signal: undefined }))
      .length > 0
  );
}

function stagedPath(journal: Journal): string {
  return `${undoName(journal.undo)}/${LIVE}`;
}

function inUse(action: string, users: readonly Blocker[]): BtmError {
  return new BtmError("BLOCKED", `Cannot ${action}: ${users.map((user) => user.message).join("; ")}`, {
    hint: "Stop the node, then run the command again",
    details: { blockers: users },
  });
}

type Step = (name: string, work: () => unknown) => Promise<void>;

function stepper(onStep: StepObserver): Step {
  return async (name, work) => {
    onStep(name, "before");
    await work();
    onStep(name, "after");
  };
}
