import { BtmError } from "../../errors.ts";
import { parseHeight } from "../../height.ts";
import { destroySubvolume } from "../../sys/btrfs.ts";
import { syncFileSystem } from "../../sys/libc.ts";
import { quote } from "../../text.ts";
import type { Blocker, DropPlan, Recovery, UndoPoint } from "../driver.ts";
import { Aside, type UndoRecord } from "./aside.ts";
import { treeBlockers } from "./blockers.ts";
import { destroySnapshots } from "./destroy.ts";
import { explain } from "./failure.ts";
import { moveOver } from "./moves.ts";
import { LIVE, undoName } from "./names.ts";
import type { Place } from "./place.ts";
import { findMoved } from "./snapshots.ts";
import { type Step, stepper } from "./step.ts";
import { dropOrder, handOver } from "./timeline.ts";
import { findUndoPoints } from "./undo-points.ts";
import type { Work } from "./work.ts";

/** What stands in the way of dropping undo points. */
export function planDrop(place: Place, points: readonly UndoPoint[]): DropPlan {
  return { points, blockers: points.flatMap((point) => dropBlockers(place, point)) };
}

export function dropBlockers(place: Place, { number, snapshots }: UndoPoint): Blocker[] {
  const inside = `undo point ${String(number)}`;
  return [
    ...snapshots
      .filter((snapshot) => snapshot.pinned)
      .map(({ height }): Blocker => ({
        kind: "pinned-snapshot",
        message: `${inside} holds the snapshot ${String(height)}, which is pinned`,
        hint: `Bring it back with btm undo ${String(number)}, and unpin the snapshot`,
      })),
    ...snapshots
      .filter((snapshot) => snapshot.mark === undefined)
      .map(({ name }): Blocker => ({
        kind: "unmarked-snapshot",
        message: `${inside} holds ${quote(name)}, which no longer bears btm's mark`,
        hint: "Someone has changed it: move it away, or delete it yourself",
      })),
    ...treeBlockers(place, `${undoName(number)}/${LIVE}`),
  ];
}

/** Drops undo points, each as a whole: what another one needs of it is handed over first. */
export async function drop(work: Work, points: readonly UndoPoint[]): Promise<void> {
  const { place, deps } = work;
  if (points.length === 0) return;
  const aside = await Aside.open(place.parent, place.base);
  if (aside === undefined) return;
  try {
    const step = stepper(deps.onStep);
    const wanted = points.map(({ number }) => number);
    for (const number of dropOrder(await findUndoPoints(place, aside), wanted)) {
      const record = aside.record(number);
      const point = points.find((candidate) => candidate.number === number);
      if (record === undefined || aside.live(number)?.uuid !== point?.uuid) throw changed(place, number);
      await dropOne(place, aside, record, step);
    }
    await step("sync drop", () => syncFileSystem(place.parent));
  } finally {
    aside.close();
  }
}

function changed(place: Place, number: number): BtmError {
  const what = "it is not the one that it was";
  return new BtmError("PLAN_CHANGED", `Cannot drop undo point ${String(number)} of ${quote(place.path)}: ${what}`, {
    hint: "Look at btm undo --list",
  });
}

/** Finishes what was interrupted. */
export async function finishDrops(place: Place, aside: Aside, step: Step): Promise<Recovery> {
  const done: string[] = [];
  const left: string[] = [];
  for (const number of await aside.undoNumbers()) {
    const record = aside.record(number);
    if (record?.isDropped !== true) continue;
    const failure = await tryDrop(place, aside, record, step);
    if (failure === undefined) done.push(`Finished dropping undo point ${String(number)}`);
    else left.push(failure);
  }
  return { done, left };
}

/**
 * Drops it as far as that can be done: once begun, what cannot be destroyed takes space and does no other harm, so it must
 * not keep the node's snapshots from being taken.
 *
 * @returns what is left, in words
 * @throws what kept it from being begun
 */
export async function tryDrop(place: Place, aside: Aside, record: UndoRecord, step: Step): Promise<string | undefined> {
  try {
    await dropOne(place, aside, record, step);
    return undefined;
  } catch (error) {
    if (aside.record(record.number)?.isDropped !== true) throw error;
    const { message } = explain(`drop undo point ${String(record.number)}`, error);
    return `Something is left of undo point ${String(record.number)}, which the next btm command tries again to destroy: ${message}`;
  }
}

/** From the first change on it is none any more, and whoever comes next finishes it. */
async function dropOne(place: Place, aside: Aside, record: UndoRecord, step: Step): Promise<void> {
  const { number } = record;
  if (record.isDropped !== true) {
    await step("begin drop", () => aside.describeUndo({ ...record, isDropped: true }));
  }
  await giveToHeirs(place, aside, record, step);
  const outcomes = await destroySnapshots(place, (await findMoved(place, aside)).get(number) ?? [], step);
  for (const { error } of outcomes) if (error !== undefined) throw error;
  const live = aside.live(number);
  if (live !== undefined) await step("destroy undo point", () => destroySubvolume(aside.fd, live.id));
  await step("remove undo point", () => aside.removeUndo(number));
}

/** The snapshot on which the heir hangs goes last: as long as it is here, it is known who the heir is. */
async function giveToHeirs(place: Place, aside: Aside, record: UndoRecord, step: Step): Promise<void> {
  const { number } = record;
  const own = (await findMoved(place, aside)).get(number) ?? [];
  const others = await findUndoPoints(place, aside);
  const branch = { number, fork: record.fork, to: parseHeight(record.to), snapshots: own };
  const heir = handOver([...others, branch], number);
  if (heir !== undefined) {
    const below = own.filter(({ height }) => height < heir.upTo);
    await moveOver(place, below, heir.heir, step);
    await moveOver(
      place,
      own.filter(({ height }) => height === heir.upTo),
      heir.heir,
      step,
    );
  }
  // Also when it was interrupted right after the last of them went over.
  for (const { number: other, fork, snapshots } of await findUndoPoints(place, aside)) {
    const [before, hangs] = [aside.record(other), snapshots.some(({ uuid }) => uuid === fork)];
    if (before === undefined || !hangs) continue;
    const { btm, number: own, at, from } = before;
    const hangsOn = record.fork === undefined ? {} : { fork: record.fork };
    const next: UndoRecord = { btm, number: own, at, from, to: record.to, ...hangsOn };
    await step("hang undo point", () => aside.describeUndo(next));
  }
}
