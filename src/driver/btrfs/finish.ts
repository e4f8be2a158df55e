import { join } from "node:path";

import { BtmError } from "../../errors.ts";
import { destroySubvolume, setDefaultSubvolume, subvolumeInfo } from "../../sys/btrfs.ts";
import { withDirectory } from "../../sys/directory.ts";
import { AT_FDCWD, syncFileSystem } from "../../sys/libc.ts";
import { quote } from "../../text.ts";
import { processBlocker } from "../process-blocker.ts";
import { type Aside } from "./aside.ts";
import { tryDrop } from "./drop.ts";
import { type Journal, stagedPath } from "./journal.ts";
import { moveBack, moveOut } from "./moves.ts";
import { asideName } from "./names.ts";
import { type Place, volumeRoot } from "./place.ts";
import { forgetNote, remount } from "./remount.ts";
import { type Step, stepper } from "./step.ts";
import { usersOf } from "./users.ts";
import type { Work } from "./work.ts";

/** After the exchange: make it durable, show it wherever the old state was shown, move the snapshots, forget the journal. */
export async function finish({ place, deps }: Work, aside: Aside, journal: Journal): Promise<string[]> {
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
    warnings.push(...(await moveSnapshots(place, aside, journal, step)));
    await closeJournal(place, aside, step);
    return warnings;
  } catch (error) {
    throw unfinished(place, journal, error);
  }
}

async function moveSnapshots(place: Place, aside: Aside, journal: Journal, step: Step): Promise<string[]> {
  // The last word of the journal, not of the caller: it may have been written since.
  const now = aside.journal() ?? journal;
  if (now.keepsNewer === true && now.isMovedOut !== true) {
    await moveOut(place, now, step);
    if (now.returns !== undefined) {
      await step("newer ones are out", () => aside.writeJournal({ ...now, isMovedOut: true }));
    }
  }
  if (now.returns !== undefined) {
    await moveBack(place, aside, now, step);
    await forgetReturned(aside, now, step);
  }
  const record = now.discards === true ? aside.record(now.undo) : undefined;
  if (record === undefined) return [];
  const users = record.isDropped === true ? [] : await usersOf(place, aside.fd, stagedPath(now));
  if (users.length > 0) {
    const who = users.map((use) => processBlocker(use).message).join("; ");
    return [`what was live is kept as undo point ${String(now.undo)} and not discarded, for it is in use: ${who}`];
  }
  const left = await tryDrop(place, aside, record, step);
  return left === undefined ? [] : [left];
}

/** The live state that came back is live as a copy: what it was made of goes. */
async function forgetReturned(aside: Aside, journal: Journal, step: Step): Promise<void> {
  const undo = journal.returns?.[0]?.undo;
  if (undo === undefined) return;
  const live = aside.live(undo);
  if (live !== undefined && live.uuid === journal.target) {
    await step("destroy returned", () => destroySubvolume(aside.fd, live.id));
  }
  await step("remove returned", () => aside.removeUndo(undo));
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

/** The last act of a switch, however it ended. */
export async function closeJournal(place: Place, aside: Aside, step: Step): Promise<void> {
  await step("clear journal", () => aside.clearJournal());
  await step("sync journal", () => syncFileSystem(place.parent));
}
