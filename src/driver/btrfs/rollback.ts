import { join } from "node:path";

import { BtmError } from "../../errors.ts";
import { createSnapshot, destroySubvolume, setDefaultSubvolume, subvolumeInfo } from "../../sys/btrfs.ts";
import { withDirectory } from "../../sys/directory.ts";
import { AT_FDCWD, exchangeNames, removeAttribute, syncFileSystem, tryLock } from "../../sys/libc.ts";
import type { Blocker, DriverDeps, RollbackPlan, StepObserver } from "../driver.ts";
import { Aside, type Journal, type UndoRecord } from "./aside.ts";
import { processBlockers } from "./blockers.ts";
import { defaultSubvolume, type Place, volumeRoot } from "./locate.ts";
import { asideName, ATTRIBUTE, LIVE, undoName } from "./names.ts";
import { forgetNote, isRemounted, remount } from "./remount.ts";

/**
 * Puts the target in the place of the live state. At every instant the name of the volume leads to a complete one.
 *
 * The order is the reason that a power cut does no harm: the journal reaches the disk with the commit of the snapshot at
 * the latest, the snapshot is synced before the exchange, and the exchange is one entry of one transaction.
 */
export async function rollback(
  place: Place,
  plan: RollbackPlan,
  newest: bigint | undefined,
  deps: DriverDeps,
): Promise<void> {
  const { number } = plan.undo;
  const aside = await Aside.make(place.parent, place.base, deps.onStep);
  try {
    const live = withDirectory(place.parent, place.base, subvolumeInfo);
    const to = String(plan.target.height);
    const journal: Journal = { btm: 1, undo: number, height: to, target: plan.target.uuid, live: live.uuid };
    const from = newest === undefined ? null : String(newest);
    try {
      await stage(place, aside, plan, journal, { btm: 1, number, at: deps.now().toISOString(), from, to }, deps.onStep);
      await switchTo(place, aside, journal, deps.onStep);
    } catch (error) {
      // So that a rollback that failed has changed nothing. What cannot be undone now is left to the next recovery, and
      // the first failure is the one to tell.
      await undoUnfinished(place, aside, journal, deps.onStep).catch(() => undefined);
      throw error;
    }
    await finish(place, aside, journal, deps.onStep);
  } finally {
    aside.close();
  }
}

/** Makes the tree that will be live, where the one that is live will be kept. */
async function stage(
  place: Place,
  aside: Aside,
  plan: RollbackPlan,
  journal: Journal,
  record: UndoRecord,
  onStep: StepObserver,
): Promise<void> {
  const step = stepper(onStep);
  await step("write journal", () => aside.writeJournal(journal));
  await step("make undo point", () => {
    aside.makeUndo(journal.undo);
  });
  await step("describe undo point", () => aside.describeUndo(record));
  await step("stage", () =>
    withDirectory(place.parent, plan.target.name, (source) =>
      withDirectory(aside.fd, undoName(journal.undo), (directory) =>
        createSnapshot(directory, LIVE, source, { readOnly: false }),
      ),
    ),
  );
  await step("clear mark", () =>
    withDirectory(aside.fd, stagedPath(journal), (staged) => removeAttribute(staged, ATTRIBUTE.mark)),
  );
  await step("sync", () => syncFileSystem(place.parent));
}

async function switchTo(place: Place, aside: Aside, journal: Journal, onStep: StepObserver): Promise<void> {
  // Staging may have taken seconds: a node that was started meanwhile keeps its disk.
  const users = await processBlockers(place, undefined);
  if (users.length > 0) throw inUse(`roll back to ${journal.height}`, users);
  await withDirectory(aside.fd, stagedPath(journal), async (staged) => {
    // Whoever waits for the lock looks again at what the name leads to, and finds this one locked as well.
    tryLock(staged);
    await stepper(onStep)("exchange", () => exchangeNames(aside.fd, stagedPath(journal), place.parent, place.base));
  });
}

/** Finishes or undoes a rollback that was interrupted; says what it did. */
export async function recover(place: Place, onStep: StepObserver): Promise<string[]> {
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
        // The mount still shows what was live, so a node may run on it by now, and nobody has seen the other: back with it.
        const step = stepper(onStep);
        await step("exchange back", () => exchangeNames(aside.fd, stagedPath(journal), place.parent, place.base));
      }
    }
    if (withDirectory(place.parent, place.base, subvolumeInfo).uuid === journal.live) {
      await undoUnfinished(place, aside, journal, onStep);
      return [`Undid the interrupted rollback to ${journal.height}: the live state is as it was`];
    }
    await finish(place, aside, journal, onStep);
    return [`Finished the interrupted rollback to ${journal.height}`];
  } finally {
    aside.close();
  }
}

/** After the exchange: make it durable, show it wherever the old state was shown, forget the journal. */
async function finish(place: Place, aside: Aside, journal: Journal, onStep: StepObserver): Promise<void> {
  const step = stepper(onStep);
  const live = withDirectory(place.parent, place.base, subvolumeInfo);
  await step("sync again", () => syncFileSystem(place.parent));
  // A file system that is mounted without subvol= shows its default subvolume, which is named by an id.
  const old = aside.live(journal.undo);
  if (old !== undefined && old.id === (await defaultSubvolume(place))) {
    await step("set default", () => setDefaultSubvolume(place.parent, live.id));
  }
  const { mount } = place;
  if (mount !== undefined) {
    const shown = withDirectory(AT_FDCWD, mount.mountPoint, (fd) => subvolumeInfo(fd).id);
    const root = volumeRoot(place);
    if (shown !== live.id) {
      await remount(mount, { root, id: live.id, aside: join(root, "..", asideName(place.base)) }, onStep);
    }
  }
  await step("clear journal", () => aside.clearJournal());
  if (mount !== undefined) await forgetNote(mount.mountPoint);
}

/**
 * Before the exchange: what was staged goes, if it is what the journal says. The live state may itself be a copy of the
 * same snapshot, from an earlier rollback to it, so that the origin alone would not tell the two apart.
 */
async function undoUnfinished(place: Place, aside: Aside, journal: Journal, onStep: StepObserver): Promise<void> {
  const step = stepper(onStep);
  const isLive = withDirectory(place.parent, place.base, subvolumeInfo).uuid === journal.live;
  const staged = aside.live(journal.undo);
  if (!isLive || (staged !== undefined && staged.parentUuid !== journal.target)) {
    const what = `${undoName(journal.undo)}/${LIVE}`;
    throw new BtmError(
      "BLOCKED",
      `Cannot undo the interrupted rollback to ${journal.height}: ${what} is not what it made`,
      {
        hint: "Someone has put something else there: move it away, then run the command again",
      },
    );
  }
  if (staged !== undefined) await step("destroy staged", () => destroySubvolume(aside.fd, staged.id));
  await step("remove undo point", () => {
    aside.removeUndo(journal.undo);
  });
  await step("clear journal", () => aside.clearJournal());
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
