import { isErrno, renameNoReplace } from "../../sys/libc.ts";
import type { Snapshot } from "../driver.ts";
import { snapshotName } from "../snapshot-name.ts";
import type { Aside } from "./aside.ts";
import type { Journal } from "./journal.ts";
import { movedName } from "./names.ts";
import type { Place } from "./place.ts";
import { findMoved, SnapshotFinder } from "./snapshots.ts";
import type { Step } from "./step.ts";

/** The marked snapshots of the volume above a height. */
async function newerThan(place: Place, height: bigint): Promise<Snapshot[]> {
  const all = await new SnapshotFinder().find(place, "afresh");
  return all.filter((snapshot) => snapshot.mark !== undefined && snapshot.height > height);
}

/** Gives the snapshots that are newer than where the timelines part to the undo point. */
export async function moveOut(place: Place, journal: Journal, step: Step): Promise<void> {
  const newer = await newerThan(place, BigInt(journal.height));
  if (newer.length === 0) return;
  await step("move newer snapshots", () =>
    renameAll(place, newer, ({ name, height }) => [name, movedName(place.base, height, journal.undo)]),
  );
}

/**
 * Brings back what belongs to the timeline that becomes live, and tells the other undo points which gave some of it where
 * they hang now. All of it may have been done before.
 */
export async function moveBack(place: Place, aside: Aside, journal: Journal, step: Step): Promise<void> {
  const moved = await findMoved(place, aside);
  for (const { undo, upTo } of journal.returns ?? []) {
    const record = aside.record(undo);
    if (upTo !== undefined && record !== undefined && record.fork !== upTo.uuid) {
      await step("hang undo point", () => aside.describeUndo({ ...record, to: upTo.height, fork: upTo.uuid }));
    }
    const all = moved.get(undo) ?? [];
    const back = upTo === undefined ? all : all.filter(({ height }) => height <= BigInt(upTo.height));
    if (back.length === 0) continue;
    await step("bring snapshots back", () =>
      renameAll(place, back, ({ name, height }) => [name, snapshotName(place.base, height)]),
    );
  }
}

/** Takes snapshots of an undo point back into the list of the volume. */
export async function takeBack(place: Place, snapshots: readonly Snapshot[], step: Step): Promise<void> {
  if (snapshots.length === 0) return;
  await step("take snapshots back", () =>
    renameAll(place, snapshots, ({ name, height }) => [name, snapshotName(place.base, height)]),
  );
}

/** Hands the snapshots of an undo point, up to a height, over to another one. */
export async function moveOver(place: Place, snapshots: readonly Snapshot[], heir: number, step: Step): Promise<void> {
  if (snapshots.length === 0) return;
  await step("hand snapshots over", () =>
    renameAll(place, snapshots, ({ name, height }) => [name, movedName(place.base, height, heir)]),
  );
}

/**
 * Many at once: the kernel does one after the other, but it need not wait for us in between. A name that is taken is
 * another's, and an error: the plan has looked for it.
 */
async function renameAll(
  place: Place,
  snapshots: readonly Snapshot[],
  namesOf: (snapshot: Snapshot) => readonly [string, string],
): Promise<void> {
  const rest = snapshots.values();
  const lane = async (): Promise<void> => {
    for (const snapshot of rest) {
      const [from, to] = namesOf(snapshot);
      try {
        await renameNoReplace(place.parent, from, to);
      } catch (error) {
        // Gone, or moved before we were interrupted.
        if (!isErrno(error, "ENOENT")) throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

const LANES = 4;
