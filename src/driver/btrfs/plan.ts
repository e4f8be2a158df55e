import { readFileSync } from "node:fs";

import type { Height } from "../../height.ts";
import { entriesOf } from "../../sys/directory.ts";
import { count, quote } from "../../text.ts";
import type { Blocker, Goal, RollbackChoices, RollbackPlan, Snapshot } from "../driver.ts";
import { snapshotName } from "../snapshot-name.ts";
import { Aside, nameTaken } from "./aside.ts";
import {
  loopBlockers,
  mountBlockers,
  nestedBlockers,
  processBlockers,
  swapBlockers,
  treeBlockers,
} from "./blockers.ts";
import { dropBlockers } from "./drop.ts";
import { fstabWarnings } from "./fstab.ts";
import { processBlocker } from "../process-blocker.ts";
import { asideName, LIVE, movedName, undoName } from "./names.ts";
import { type Place, volumeRoot } from "./place.ts";
import { pathOf, type Return } from "./timeline.ts";
import { findUndoPoints, nextUndoNumber, type StoredUndoPoint, undoPlace } from "./undo-points.ts";
import { usersOfAll } from "./users.ts";

/** What a rollback will do, and all that stands in its way. Changes nothing. */
export async function planRollback(
  place: Place,
  snapshots: readonly Snapshot[],
  goal: Goal,
  choices: RollbackChoices,
): Promise<RollbackPlan> {
  const { points, number, blockers } = await lookAside(place);
  const { to, returned } = partingOf(points, goal);
  const marked = snapshots.filter((snapshot) => snapshot.mark !== undefined);
  const newer = marked.filter(({ height }) => height > to);
  const discards = choices.discardNewer && goal.kind === "snapshot";
  const source = goal.kind === "snapshot" ? goal.snapshot.name : liveOf(place, goal.point.number);
  blockers.push(...nestedBlockers(place, place.base), ...nestedBlockers(place, source));
  blockers.push(...mountBlockers(place), ...loopBlockers(place), ...swapBlockers(place));
  blockers.push(...(await processBlockers(place, choices.signal)));
  if (goal.kind === "undo") blockers.push(...(await sourceBlockers(place, goal.point.number)));
  if (!discards) blockers.push(...longNames(place, newer, number));
  blockers.push(
    ...(discards ? await discardBlockers(place, newer) : []),
    ...(await returnBlockers(place, newer, returned)),
  );
  const { dropped, kept } = discards ? { dropped: [], kept: [] } : oldest(place, points, goal, choices.keepUndo);
  return {
    goal,
    undo: discards ? undefined : { number, place: undoPlace(place, number), from: marked.at(-1)?.height, to },
    moved: discards ? [] : newer,
    returned,
    destroyed: discards ? newer : [],
    discarded: [],
    dropped,
    blockers,
    warnings: [
      ...fstabWarnings(readFstab(), place.path, volumeRoot(place)),
      ...foreignWarnings(snapshots, to),
      ...kept,
    ],
  };
}

interface Beside {
  readonly points: readonly StoredUndoPoint[];
  /** Of the next undo point. */
  readonly number: number;
  readonly blockers: Blocker[];
}

async function lookAside(place: Place): Promise<Beside> {
  const aside = await Aside.open(place.parent, place.base);
  if (aside === undefined) {
    const isTaken = (await entriesOf(place.parent, (name) => name === asideName(place.base))).length > 0;
    const { message, hint = "" } = nameTaken(place.base);
    return { points: [], number: 1, blockers: isTaken ? [{ kind: "name-taken", message, hint }] : [] };
  }
  try {
    // What recovery will undo first does not count.
    const journal = aside.journal();
    const undone = journal?.live === place.uuid ? journal.undo : undefined;
    const points = (await findUndoPoints(place, aside)).filter((point) => point.number !== undone);
    return { points, number: await nextUndoNumber(place, aside, undone), blockers: [] };
  } finally {
    aside.close();
  }
}

function liveOf(place: Place, number: number): string {
  return `${asideName(place.base)}/${undoName(number)}/${LIVE}`;
}

/** Where the timelines part, and what comes back. */
function partingOf(
  points: readonly StoredUndoPoint[],
  goal: Goal,
): { readonly to: Height; readonly returned: readonly Snapshot[] } {
  if (goal.kind === "snapshot") return { to: goal.snapshot.height, returned: [] };
  const { returns, to } = pathOf(points, goal.point.number);
  const returned = returns.flatMap((back) => returnedFrom(points, back));
  return { to, returned: returned.sort((a, b) => (a.height < b.height ? -1 : 1)) };
}

function returnedFrom(points: readonly StoredUndoPoint[], { undo, upTo }: Return): Snapshot[] {
  const all = points.find(({ number }) => number === undo)?.snapshots ?? [];
  return all.filter(({ height }) => upTo === undefined || height <= upTo.height);
}

/** What a discard would destroy and must not. The kernel does not destroy a snapshot that is being sent (EPERM). */
async function discardBlockers(place: Place, newer: readonly Snapshot[]): Promise<Blocker[]> {
  const names = newer.map(({ name }) => name);
  const users = names.length === 0 ? [] : await usersOfAll(place, place.parent, names);
  return [...users.map(processBlocker), ...newer.flatMap(heldBlockers)];
}

function heldBlockers({ height, pinned, neededBy }: Snapshot): Blocker[] {
  return [
    ...(pinned
      ? [
          {
            kind: "pinned-snapshot" as const,
            message: `the snapshot ${String(height)} is pinned, and newer than the target`,
            hint: "Unpin it first, if it may be destroyed",
          },
        ]
      : []),
    ...neededBy.map((what) => ({
      kind: "undo-point" as const,
      message: `${what} hangs on ${String(height)}, which would be destroyed`,
      hint: `Drop it first: btm undo --drop ${what.replace(/^undo point /, "")}`,
    })),
  ];
}

/** What is brought back is a copy; the undo point itself is destroyed, under whoever uses it. */
async function sourceBlockers(place: Place, number: number): Promise<Blocker[]> {
  const users = await usersOfAll(place, place.parent, [liveOf(place, number)]);
  const hint = "Stop it, or let it leave the undo point, which is destroyed when it is brought back";
  return [
    ...users.map((use) => ({ ...processBlocker(use), hint })),
    ...treeBlockers(place, `${undoName(number)}/${LIVE}`).filter(({ kind }) => kind !== "nested-subvolume"),
  ];
}

/** NAME_MAX of linux/limits.h. */
const NAME_MAX = 255;

function longNames({ base }: Place, newer: readonly Snapshot[], undo: number): Blocker[] {
  const names = newer.map(({ height }) => movedName(base, height, undo));
  const [long] = names.filter((name) => Buffer.byteLength(name) > NAME_MAX);
  if (long === undefined) return [];
  return [
    {
      kind: "name-taken",
      message: `a newer snapshot would be moved to a name that is too long: ${quote(long)}`,
      hint: "Rename the volume to something shorter, or give --discard-newer",
    },
  ];
}

/** A snapshot cannot come back to a name that something else has, which does not go with the newer ones. */
async function returnBlockers(
  { parent, base }: Place,
  newer: readonly Snapshot[],
  returned: readonly Snapshot[],
): Promise<Blocker[]> {
  const wanted = new Set(returned.map(({ height }) => snapshotName(base, height)));
  const leaving = new Set(newer.map(({ name }) => name));
  const taken = await entriesOf(parent, (name) => wanted.has(name) && !leaving.has(name));
  return taken.map(({ name }) => ({
    kind: "name-taken",
    message: `the snapshot ${quote(name)} cannot come back: something else has its name`,
    hint: "Rename that one",
  }));
}

/** The undo points that are one too many, the oldest first; and why some of them stay. */
function oldest(
  place: Place,
  points: readonly StoredUndoPoint[],
  goal: Goal,
  keepUndo: number,
): { readonly dropped: StoredUndoPoint[]; readonly kept: string[] } {
  const others = points.filter(({ number }) => goal.kind === "snapshot" || number !== goal.point.number);
  const excess = others.slice(0, Math.max(0, others.length + 1 - keepUndo));
  const dropped = excess.filter((point) => dropBlockers(place, point).length === 0);
  const kept = excess
    .filter((point) => !dropped.includes(point))
    .map((point) => {
      const why = dropBlockers(place, point).map((blocker) => blocker.message);
      return `undo point ${String(point.number)} is kept besides: ${why.join("; ")}`;
    });
  return { dropped, kept };
}

/** What btm did not make stays where it is. */
function foreignWarnings(snapshots: readonly Snapshot[], to: Height): string[] {
  const foreign = snapshots.filter((snapshot) => snapshot.mark === undefined && snapshot.height > to);
  if (foreign.length === 0) return [];
  return [
    `${count(foreign.length, "newer snapshot")} without btm's mark stay: a height that has one is not taken again until it is deleted`,
  ];
}

function readFstab(): string {
  try {
    return readFileSync("/etc/fstab", "utf8");
  } catch {
    // No fstab: nothing in it.
    return "";
  }
}
