import { subvolumeInfo } from "../../sys/btrfs.ts";
import { withDirectory } from "../../sys/directory.ts";
import { exchangeNames } from "../../sys/libc.ts";
import type { Recovery } from "../driver.ts";
import { Aside } from "./aside.ts";
import { processBlockers } from "./blockers.ts";
import { unfinishedClone } from "./clone-record.ts";
import { undoClones } from "./clones.ts";
import { finishDrops } from "./drop.ts";
import { finish } from "./finish.ts";
import { giveUp, undoUnfinished } from "./give-back.ts";
import { type Journal, nameOf, stagedPath } from "./journal.ts";
import { lockBoth } from "./lock-both.ts";
import { type Place, volumeRoot } from "./place.ts";
import { isRemounted } from "./remount.ts";
import { stepper } from "./step.ts";
import { inUse } from "./users.ts";
import type { Work } from "./work.ts";

/** Finishes or undoes what was interrupted; says what it did. */
export async function recover(work: Work): Promise<Recovery> {
  const { place, deps } = work;
  const aside = await Aside.open(place.parent, place.base);
  if (aside === undefined) return { done: [], left: [] };
  try {
    const journal = aside.journal();
    const switched = journal === undefined ? [] : await recoverSwitch(work, aside, journal);
    const step = stepper(deps.onStep);
    const drops = await finishDrops(place, aside, step);
    const clones = await undoClones(place, aside, step);
    return { done: [...switched, ...drops.done, ...clones.done], left: [...drops.left, ...clones.left] };
  } finally {
    aside.close();
  }
}

/** What {@link recover} would have to do, in words. */
export async function describePending(place: Place): Promise<string[]> {
  const aside = await Aside.open(place.parent, place.base);
  if (aside === undefined) return [];
  try {
    const journal = aside.journal();
    const clone = unfinishedClone(aside);
    const numbers = (await aside.undoNumbers()).filter((number) => aside.record(number)?.isDropped === true);
    return [
      ...(journal === undefined ? [] : [`Would first finish or undo the interrupted ${nameOf(journal)}`]),
      ...numbers.map((number) => `Would first finish dropping undo point ${String(number)}`),
      ...(clone === undefined ? [] : [`Would first destroy the clone of ${clone.height}, which is not whole`]),
    ];
  } finally {
    aside.close();
  }
}

async function recoverSwitch(work: Work, aside: Aside, journal: Journal): Promise<string[]> {
  const { place, lock, deps } = work;
  const { mount } = place;
  if (mount !== undefined && place.isStale) {
    if (isRemounted(mount, volumeRoot(place))) {
      const users = await processBlockers(place, undefined);
      if (users.length > 0) throw inUse(`finish the interrupted ${nameOf(journal)}`, users);
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
  if (!isExchanged(place, aside, journal)) return [await giveUp(work, aside, journal)];
  const warnings = await finish(work, aside, journal);
  const kept =
    journal.discards === true
      ? "what was live is discarded, as it was asked for"
      : `what was live is kept as undo point ${String(journal.undo)}`;
  return [`Finished the interrupted ${nameOf(journal)}; ${kept}`, ...warnings];
}

/** Whether what is live is what the rollback made, and what was live is where it put it, or destroyed as it was told to. */
function isExchanged(place: Place, aside: Aside, journal: Journal): boolean {
  const live = withDirectory(place.parent, place.base, subvolumeInfo);
  const kept = aside.live(journal.undo);
  const isKept = kept === undefined ? journal.discards === true : kept.uuid === journal.live;
  return live.parentUuid === journal.target && isKept;
}
