import { BtmError } from "../../errors.ts";
import type { Height } from "../../height.ts";
import { count, quote, shellWord } from "../../text.ts";
import type { Blocker, Goal, RollbackChoices, RollbackPlan, Snapshot, UndoPoint } from "../driver.ts";
import { childBlockers, mountedBlockers } from "./blockers.ts";
import type { ZfsCommand } from "./command.ts";
import { dropBlockers } from "./drop.ts";
import {
  type Family,
  familyOf,
  heightOfSnapshot,
  named,
  nextNumber,
  type Timeline,
  timelinesOf,
  undoPointOf,
} from "./family.ts";
import { parentOf, siblings } from "./names.ts";
import type { Place } from "./place.ts";
import { planInPlace, quotaBlockers, replaced, zvolBlockers } from "./plan-in-place.ts";
import type { Row } from "./rows.ts";

/** What a rollback, or bringing back an undo point, will do, and all that stands in its way. Changes nothing. */
export async function planRollback(
  zfs: ZfsCommand,
  place: Place,
  goal: Goal,
  choices: RollbackChoices,
): Promise<RollbackPlan> {
  const isInPlace = choices.discardNewer && goal.kind === "snapshot";
  const inPlace = isInPlace ? await planInPlace(zfs, place, goal.snapshot, choices) : undefined;
  if (inPlace !== undefined && !choices.carries) return inPlace;
  const bySwitch = await planSwitch(zfs, place, goal, choices);
  if (inPlace === undefined) return bySwitch;
  // What it is in the way of is told by both.
  const more = bySwitch.blockers.filter(({ message }) => !inPlace.blockers.some((other) => other.message === message));
  return {
    ...inPlace,
    blockers: [...inPlace.blockers, ...more],
    warnings: [...inPlace.warnings, ...bySwitch.warnings],
  };
}

async function planSwitch(
  zfs: ZfsCommand,
  place: Place,
  goal: Goal,
  { keepUndo, signal, discardNewer }: RollbackChoices,
): Promise<RollbackPlan> {
  const { dataset } = place;
  const action = `plan the rollback of ${quote(dataset)}`;
  const family = await familyOf(zfs, place, action);
  const names = [dataset, ...family.points.map(({ row }) => row.name)];
  const timelines = await timelinesOf(zfs, names, action);
  const live = timelines.get(dataset);
  if (live === undefined) throw gone(goal);
  const line = goal.kind === "snapshot" ? lineOf(live, goal.snapshot) : lineBack(timelines, dataset, goal.point);
  if (line === undefined) throw gone(goal);
  const { parting, source, referenced, back } = line;

  const txg = parting.number("createtxg");
  const newer = live.snapshots.filter((row) => row.number("createtxg") > txg);
  const moved = named(newer, live.own, place);
  const returned = back
    .flatMap(({ rows, own }) => named(rows, own, place))
    .toSorted((a, b) => (a.height < b.height ? -1 : 1));
  const to = heightOfSnapshot(parting.name) ?? (0n as Height);
  const number = nextNumber(family);
  const points = family.points.flatMap((point): UndoPoint[] => {
    const timeline = timelines.get(point.row.name);
    return timeline === undefined ? [] : [undoPointOf(point, timeline, place, false)];
  });
  const others = points.filter(({ uuid }) => goal.kind === "snapshot" || uuid !== goal.point.uuid);
  const { dropped, kept } = discardNewer
    ? { dropped: [], kept: [] }
    : await older(zfs, place, others, timelines, keepUndo, action);
  const isVolume = live.own.value("type") === "volume";
  const blockers = [
    ...siblingBlockers(family, number),
    ...live.children.map(childBlocker),
    ...childBlockers(place, new Set(live.children.map((row) => row.name))),
    ...sameNames(live, newer, back),
    ...quotaBlockers(live.own, referenced),
    ...spaceBlockers(live.own),
    ...(goal.kind === "undo" ? await inUse(place, source, isVolume) : []),
    ...(isVolume ? await zvolBlockers(place, new Set([dataset])) : await mountedBlockers(place, signal)),
  ];
  return {
    goal,
    undo: { number, place: siblings.undo(dataset, number), from: moved.at(-1)?.height ?? to, to },
    moved,
    returned,
    destroyed: [],
    discarded: [],
    dropped,
    blockers,
    warnings: [...foreignWarning(newer, moved), ...bookmarkWarning(live.bookmarks), ...kept],
  };
}

interface Line {
  /** The snapshot of the volume at which the timelines part. */
  readonly parting: Row;
  /** The dataset whose state is brought back. */
  readonly source: string;
  /** What the state is told by that is brought back. */
  readonly referenced: Row;
  /** What comes back, of each dataset. */
  readonly back: readonly { readonly rows: readonly Row[]; readonly own: Row }[];
}

function lineOf(live: Timeline, target: Snapshot): Line | undefined {
  const parting = live.snapshots.find((row) => row.name === target.name && row.guid === target.uuid);
  return parting && { parting, source: live.own.name, referenced: parting, back: [] };
}

/** From the live state of an undo point back to the volume, through others that hold a part of its history. */
function lineBack(timelines: ReadonlyMap<string, Timeline>, dataset: string, point: UndoPoint): Line | undefined {
  const start = timelines.get(point.place);
  if (start?.own.guid !== point.uuid) return undefined;
  const back = [{ rows: start.snapshots, own: start.own }];
  let origin = start.own.value("origin");
  // Each is passed once at the most.
  for (let passed = 0; origin !== undefined && passed <= timelines.size; passed++) {
    const owner = timelines.get(origin.split("@")[0] ?? "");
    const at = owner?.snapshots.findIndex((row) => row.name === origin) ?? -1;
    const fork = owner?.snapshots[at];
    if (owner === undefined || fork === undefined) return undefined;
    if (owner.own.name === dataset) return { parting: fork, source: point.place, referenced: start.own, back };
    back.push({ rows: owner.snapshots.slice(0, at + 1), own: owner.own });
    origin = owner.own.value("origin");
  }
  return undefined;
}

/** The undo points beyond those that are kept: they are dropped, the lowest first; one that cannot be is kept, and said. */
async function older(
  zfs: ZfsCommand,
  place: Place,
  points: readonly UndoPoint[],
  timelines: ReadonlyMap<string, Timeline>,
  keepUndo: number,
  action: string,
): Promise<{ readonly dropped: readonly UndoPoint[]; readonly kept: readonly string[] }> {
  const dropped: UndoPoint[] = [];
  const kept: string[] = [];
  for (const point of points.slice(0, Math.max(0, points.length + 1 - keepUndo))) {
    const timeline = timelines.get(point.place);
    const [blocker] = timeline === undefined ? [] : await dropBlockers(zfs, place, point, timeline, action);
    if (blocker === undefined) dropped.push(point);
    else kept.push(`undo point ${String(point.number)} is kept although it is one too many: ${blocker.message}`);
  }
  return { dropped, kept };
}

function siblingBlockers({ place, rows, staged }: Family, number: number): Blocker[] {
  const { dataset } = place;
  if (parentOf(dataset) === undefined) {
    return [
      {
        kind: "name-taken",
        message: `${quote(dataset)} is the root of its pool, beside which nothing can be kept`,
        hint: "Give --discard-newer to lose the present, or move the data into a dataset: zfs create, then move the files",
      },
    ];
  }
  const longest = `${siblings.undo(dataset, number)}@18446744073709551615`;
  if (longest.length > MAX_NAME) {
    return [
      {
        kind: "name-taken",
        message: `the name of the undo point would be too long: ${quote(siblings.undo(dataset, number))}`,
        hint: "Rename the dataset with zfs rename, or give --discard-newer to lose the present",
      },
    ];
  }
  const taken = [staged, rows.get(siblings.undo(dataset, number))].flatMap((row) => row ?? []);
  return taken.map((row) => ({
    kind: "name-taken",
    message: `the dataset ${quote(row.name)} has a name that btm needs`,
    hint: `Rename or destroy it: zfs rename ${shellWord(row.name)} NAME`,
  }));
}

/** ZFS_MAX_DATASET_NAME_LEN of include/sys/fs/zfs.h, less the NUL. */
const MAX_NAME = 255;

function childBlocker(row: Row): Blocker {
  return {
    kind: "child-dataset",
    message: `the dataset ${quote(row.name)} is a child of it, and would be moved aside with it`,
    hint: "Move the child's files into it, rename the child out of it with zfs rename, or give --discard-newer, which leaves children as they are",
  };
}

/** dsl_dataset_promote_check() refuses it when all else is done already. */
function sameNames(live: Timeline, newer: readonly Row[], back: Line["back"]): Blocker[] {
  const newerNames = new Set(newer);
  const shared = live.snapshots.filter((row) => !newerNames.has(row));
  const seen = new Set(shared.map((row) => partAfterAt(row.name)));
  return back
    .flatMap(({ rows }) => rows)
    .filter((row) => {
      const name = partAfterAt(row.name);
      const isTaken = seen.has(name);
      seen.add(name);
      return isTaken;
    })
    .map((row) => ({
      kind: "name-taken",
      message: `the snapshot ${quote(row.name)} would come back, where there is another one of that name`,
      hint: `Rename one of them: zfs rename ${shellWord(row.name)} NAME`,
    }));
}

function partAfterAt(name: string): string {
  return name.slice(name.indexOf("@") + 1);
}

/** What is moved aside gives up its reservation, and what takes its place shares nothing with it at first. */
function spaceBlockers(own: Row): Blocker[] {
  const [wanted, free] = [own.number("refreservation"), own.number("available")];
  if (wanted <= free || own.number("quota") > 0n) return [];
  return [
    {
      kind: "space",
      message: `its refreservation of ${String(wanted)} bytes would not fit once more: ${String(free)} are free`,
      hint: `Make room, or take it away: zfs set refreservation=none ${shellWord(own.name)}`,
    },
  ];
}

/** The live state that is brought back must not be changed by others meanwhile. */
async function inUse(place: Place, source: string, isVolume: boolean): Promise<Blocker[]> {
  if (isVolume) return zvolBlockers(place, new Set([source]));
  return place.mounts
    .filter((mount) => mount.type === "zfs" && mount.source === source)
    .map((mount) => ({
      kind: "mount",
      message: `${quote(source)}, which would be brought back, is mounted at ${quote(mount.mountPoint)}`,
      hint: "Unmount it first",
    }));
}

function foreignWarning(newer: readonly Row[], moved: readonly Snapshot[]): string[] {
  const ours = new Set(moved.filter(({ mark }) => mark !== undefined).map(({ name }) => name));
  const foreign = newer.filter((row) => !ours.has(row.name)).map((row) => quote(row.name));
  if (foreign.length === 0) return [];
  const shown = foreign.length > 3 ? `${foreign.slice(0, 3).join(", ")} and others` : foreign.join(", ");
  return [`${count(foreign.length, "snapshot")} that btm did not make are moved aside as well: ${shown}`];
}

function bookmarkWarning(bookmarks: readonly Row[]): string[] {
  if (bookmarks.length === 0) return [];
  return [`${count(bookmarks.length, "bookmark")} of it go with what is moved aside`];
}

function gone(goal: Goal): BtmError {
  if (goal.kind === "snapshot") return replaced(goal.snapshot);
  const what = "it is gone, or nothing joins it to the volume any more";
  return new BtmError("PLAN_CHANGED", `Cannot bring back undo point ${String(goal.point.number)}: ${what}`, {
    hint: "btm undo --list shows what there is; a zfs promote by hand may have cut it off",
  });
}
