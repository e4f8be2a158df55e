import { BtmError } from "../../errors.ts";
import { destroySubvolume, setDefaultSubvolume, subvolumeInfo } from "../../sys/btrfs.ts";
import { withDirectory } from "../../sys/directory.ts";
import { syncFileSystem } from "../../sys/libc.ts";
import { type Aside, type UndoRecord } from "./aside.ts";
import { closeJournal } from "./finish.ts";
import { type Journal, nameOf, stagedPath } from "./journal.ts";
import { takeBack } from "./moves.ts";
import { forgetNote } from "./remount.ts";
import { findMoved } from "./snapshots.ts";
import { type Step, stepper } from "./step.ts";
import { usersOf } from "./users.ts";
import type { Work } from "./work.ts";

/**
 * Before the exchange, or after an exchange back. What was staged goes, if it is what the journal says and nobody has
 * written to it; otherwise it is kept as the undo point that it lies in. The live state may itself be a copy of the same snapshot, from
 * an earlier rollback to it, so that the origin alone would not tell the two apart.
 */
export async function undoUnfinished({ place, deps }: Work, aside: Aside, journal: Journal): Promise<string> {
  const step = stepper(deps.onStep);
  // What is only in memory yet has not raised the number by which it is told.
  await step("sync", () => syncFileSystem(place.parent));
  const live = withDirectory(place.parent, place.base, subvolumeInfo);
  const staged = aside.live(journal.undo);
  if (live.uuid !== journal.live || (staged !== undefined && staged.parentUuid !== journal.target)) {
    throw new BtmError(
      "BLOCKED",
      `Cannot undo the interrupted ${nameOf(journal)}: ${stagedPath(journal)} is not what it made`,
      { hint: "Someone has put something else there: move it away, then run the command again" },
    );
  }
  if (journal.isDefault) await step("set default back", () => setDefaultSubvolume(place.parent, live.id));
  // The last word of the journal, not of the caller: it may have been written since.
  const { stagedIn } = aside.journal() ?? journal;
  const isUntouched =
    stagedIn === undefined ||
    (stagedIn === String(staged?.changedIn) && (await usersOf(place, aside.fd, stagedPath(journal))).length === 0);
  if (staged !== undefined && isUntouched) await step("destroy staged", () => destroySubvolume(aside.fd, staged.id));
  // After an exchange back: they had been given to the undo point that there is none of now.
  const moved = (await findMoved(place, aside)).get(journal.undo) ?? [];
  await takeBack(place, moved, step);
  if (staged === undefined || isUntouched) await step("remove undo point", () => aside.removeUndo(journal.undo));
  else await keepUndo(aside, journal.undo, step);
  if (place.mount !== undefined) await forgetNote(place.mount.mountPoint);
  await closeJournal(place, aside, step);
  const undone = `Undid the interrupted ${nameOf(journal)}: the live state is as it was`;
  return isUntouched
    ? undone
    : `${undone}; the other, which has been used since, is kept as undo point ${String(journal.undo)}`;
}

/** Someone has put a third state there by hand: it stays, and nothing is moved or destroyed for a rollback that is over. */
export async function giveUp({ place, deps }: Work, aside: Aside, journal: Journal): Promise<string> {
  const step = stepper(deps.onStep);
  const staged = aside.live(journal.undo);
  const isOurs = staged?.parentUuid === journal.target && staged.uuid !== journal.live;
  const isUntouched = journal.stagedIn === undefined || journal.stagedIn === String(staged?.changedIn);
  if (staged !== undefined && isOurs && isUntouched) {
    await step("destroy staged", () => destroySubvolume(aside.fd, staged.id));
  }
  const isKept = aside.live(journal.undo) !== undefined;
  if (!isKept) await step("remove undo point", () => aside.removeUndo(journal.undo));
  if (place.mount !== undefined) await forgetNote(place.mount.mountPoint);
  await closeJournal(place, aside, step);
  const what = "what is live is neither what was nor what it made, so nothing was moved and no snapshot destroyed";
  const where = isKept ? `; what it left is undo point ${String(journal.undo)}` : "";
  return `Gave up the interrupted ${nameOf(journal)}: ${what}${where}`;
}

/** It may have been about to be dropped. */
async function keepUndo(aside: Aside, number: number, step: Step): Promise<void> {
  const record = aside.record(number);
  if (record?.isDropped !== true) return;
  const { btm, at, from, to, fork } = record;
  const kept: UndoRecord = { btm, number, at, from, to, ...(fork === undefined ? {} : { fork }) };
  await step("keep undo point", () => aside.describeUndo(kept));
}
