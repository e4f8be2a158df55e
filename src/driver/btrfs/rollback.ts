import { BtmError } from "../../errors.ts";
import { createSnapshot, subvolumeInfo } from "../../sys/btrfs.ts";
import { withDirectory } from "../../sys/directory.ts";
import { exchangeNames, removeAttribute, syncFileSystem } from "../../sys/libc.ts";
import { quote } from "../../text.ts";
import type { Goal, RollbackHelp, RollbackPlan } from "../driver.ts";
import { processBlocker } from "../process-blocker.ts";
import { Aside, type UndoRecord } from "./aside.ts";
import { processBlockers } from "./blockers.ts";
import { drop } from "./drop.ts";
import { finish } from "./finish.ts";
import { undoUnfinished } from "./give-back.ts";
import { type Journal, stagedPath } from "./journal.ts";
import { lockBoth } from "./lock-both.ts";
import { defaultSubvolume } from "./mounted.ts";
import { ATTRIBUTE, LIVE, undoName } from "./names.ts";
import { stepper } from "./step.ts";
import { pathOf } from "./timeline.ts";
import { descriptorPath } from "./trees.ts";
import type { Place } from "./place.ts";
import { findUndoPoints, nextUndoNumber } from "./undo-points.ts";
import { inUse, usersOf } from "./users.ts";
import type { Work } from "./work.ts";

/**
 * Puts the goal in the place of the live state. At every instant the name of the volume leads to a complete one.
 *
 * The order is the reason that a power cut does no harm: the journal reaches the disk with the commit of the snapshot at
 * the latest, the snapshot is synced before the exchange, the exchange is one entry of one transaction, and the renames of
 * snapshots come after it, each told by the journal.
 *
 * @returns what the user should know
 */
export async function rollback(work: Work, plan: RollbackPlan, help: RollbackHelp): Promise<string[]> {
  const { place, deps } = work;
  const aside = await Aside.make(place.parent, place.base, deps.onStep);
  try {
    const { journal, record } = await prepare(work, aside, plan);
    try {
      await stage(work, aside, plan, journal, record);
      const { carry } = help;
      if (carry !== undefined) {
        await stepper(deps.onStep)("carry files", () => withBoth(place, aside, journal, carry));
      }
      await stepper(deps.onStep)("sync", () => syncFileSystem(place.parent));
      await exchange(work, aside, journal, plan.goal, help);
    } catch (error) {
      // So that a rollback that failed has changed nothing. What cannot be undone now is left to the next recovery, and
      // the first failure is the one to tell.
      await undoUnfinished(work, aside, journal).catch(() => undefined);
      throw error;
    }
    const warnings = await finish(work, aside, journal);
    return [...warnings, ...(await dropOlder(work, plan))];
  } finally {
    aside.close();
  }
}

async function prepare(
  { place, deps }: Work,
  aside: Aside,
  { goal, undo, moved, destroyed }: RollbackPlan,
): Promise<{ readonly journal: Journal; readonly record: UndoRecord }> {
  const live = withDirectory(place.parent, place.base, subvolumeInfo);
  const isUndo = goal.kind === "undo";
  const points = await findUndoPoints(place, aside);
  const path = isUndo ? pathOf(points, goal.point.number) : undefined;
  const number = undo?.number ?? (await nextUndoNumber(place, aside, undefined));
  const fork = goal.kind === "snapshot" ? goal.snapshot.uuid : path?.fork;
  const to = String(goal.kind === "snapshot" ? goal.snapshot.height : path?.to);
  const newest = [...moved, ...destroyed].at(-1)?.height ?? undo?.from;
  return {
    journal: {
      btm: 1,
      undo: number,
      height: to,
      target: goal.kind === "snapshot" ? goal.snapshot.uuid : goal.point.uuid,
      live: live.uuid,
      isDefault: live.id === (await defaultSubvolume(place)),
      keepsNewer: true,
      ...(path === undefined
        ? {}
        : {
            returns: path.returns.map(({ undo: from, upTo }) =>
              upTo === undefined ? { undo: from } : { undo: from, upTo: { ...upTo, height: String(upTo.height) } },
            ),
          }),
      ...(undo === undefined ? { discards: true } : {}),
    },
    record: {
      btm: 1,
      number,
      at: deps.now().toISOString(),
      from: newest === undefined ? null : String(newest),
      to,
      ...(fork === undefined ? {} : { fork }),
    },
  };
}

/** Makes the tree that will be live, where the one that is live will be kept. */
async function stage(
  { place, deps }: Work,
  aside: Aside,
  { goal }: RollbackPlan,
  journal: Journal,
  record: UndoRecord,
): Promise<void> {
  const step = stepper(deps.onStep);
  await step("write journal", () => aside.writeJournal(journal));
  await step("make undo point", () => aside.makeUndo(journal.undo));
  await step("describe undo point", () => aside.describeUndo(record));
  const [directory, name] =
    goal.kind === "snapshot"
      ? [place.parent, goal.snapshot.name]
      : [aside.fd, `${undoName(goal.point.number)}/${LIVE}`];
  await step("stage", () =>
    withDirectory(directory, name, (source) => {
      if (subvolumeInfo(source).uuid !== journal.target) {
        throw new BtmError(
          "PLAN_CHANGED",
          `Cannot roll back to ${journal.height}: another subvolume is called ${quote(name)} by now`,
          { hint: "Run the command again and look at the new plan" },
        );
      }
      return withDirectory(aside.fd, undoName(journal.undo), (undo) =>
        createSnapshot(undo, LIVE, source, { readOnly: false }),
      );
    }),
  );
  await step("clear mark", () =>
    withDirectory(aside.fd, stagedPath(journal), (staged) => removeAttribute(staged, ATTRIBUTE.mark)),
  );
}

/** What is live, and what is to be, as folders that this process and its children can use. */
function withBoth<T>(
  place: Place,
  aside: Aside,
  journal: Journal,
  use: (live: string, staged: string) => Promise<T>,
): Promise<T> {
  return withDirectory(place.parent, place.base, (live) =>
    withDirectory(aside.fd, stagedPath(journal), (staged) => use(descriptorPath(live), descriptorPath(staged))),
  );
}

async function exchange(
  { place, lock, deps }: Work,
  aside: Aside,
  journal: Journal,
  goal: Goal,
  { force, verify }: RollbackHelp,
): Promise<void> {
  const step = stepper(deps.onStep);
  // Staging may have taken seconds: a node that was started meanwhile keeps its disk.
  const users = force ? [] : await processBlockers(place, undefined);
  if (goal.kind === "undo" && !force) {
    const inside = await usersOf(place, aside.fd, `${undoName(goal.point.number)}/${LIVE}`);
    users.push(...inside.map(processBlocker));
  }
  if (users.length > 0) throw inUse(`roll back to ${journal.height}`, users);
  if (verify !== undefined) {
    await withBoth(place, aside, journal, verify);
    // To read is to write (atime): what is written from now on must be of a later transaction than stagedIn tells.
    await syncFileSystem(place.parent);
  }
  lockBoth(lock, aside, journal);
  const stagedIn = String(aside.live(journal.undo)?.changedIn);
  await step("commit to exchange", () => aside.writeJournal({ ...journal, stagedIn }));
  await step("exchange", () => exchangeNames(aside.fd, stagedPath(journal), place.parent, place.base));
}

/** The rollback is done: an older undo point that cannot be dropped is no failure of it. */
async function dropOlder(work: Work, { dropped }: RollbackPlan): Promise<string[]> {
  const warnings: string[] = [];
  for (const point of dropped) {
    try {
      await drop(work, [point]);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      warnings.push(`undo point ${String(point.number)} is kept: ${why}`);
    }
  }
  return warnings;
}
