import { BtmError } from "../../errors.ts";
import { devicesOf } from "../../sys/zvol.ts";
import { quote } from "../../text.ts";
import type { Blocker, DropPlan, UndoPoint } from "../driver.ts";
import { deviceBlockers } from "./blockers.ts";
import type { ZfsCommand } from "./command.ts";
import { destroyWhole } from "./destroy-program.ts";
import { type Family, familyOf, named, type Timeline, timelinesOf } from "./family.ts";
import { failureOf, mustBeRoot, type Work } from "./in-place.ts";
import { openHeightIn, undoNumberIn } from "./names.ts";
import type { Place } from "./place.ts";
import { cloneBlocker, holdBlockers, openBlocker } from "./plan-in-place.ts";

/** What stands in the way of dropping undo points. */
export async function planDrop(zfs: ZfsCommand, place: Place, points: readonly UndoPoint[]): Promise<DropPlan> {
  const action = `plan to drop undo points of ${quote(place.dataset)}`;
  const timelines = await timelinesOf(
    zfs,
    points.map((point) => point.place),
    action,
  );
  const blockers: Blocker[] = [];
  for (const point of points) {
    const timeline = timelines.get(point.place);
    if (timeline?.own.guid !== point.uuid) throw goneBy(action, point);
    blockers.push(...(await dropBlockers(zfs, place, point, timeline, action)));
  }
  return { points, blockers };
}

/** Each is asked by itself: so it is known which undo points can be dropped. */
export async function dropBlockers(
  zfs: ZfsCommand,
  place: Place,
  point: Pick<UndoPoint, "number" | "place">,
  timeline: Timeline,
  action: string,
): Promise<Blocker[]> {
  const { mounts } = place;
  const snapshots = named(timeline.snapshots, timeline.own, place);
  const ours = new Set(snapshots.filter(({ mark }) => mark !== undefined).map(({ name }) => name));
  const number = String(point.number);
  const isVolume = timeline.own.value("type") === "volume";
  const devices = isVolume ? devicesOf((name) => name === point.place || name.startsWith(`${point.place}@`)) : [];
  return [
    ...snapshots
      .filter(({ pinned }) => pinned)
      .map(({ name }): Blocker => ({
        kind: "pinned-snapshot",
        message: `the snapshot ${quote(name)} of undo point ${number} is pinned`,
        hint: `Bring it back with btm undo ${number}, then unpin it, if it may be destroyed`,
      })),
    ...timeline.snapshots
      .filter((row) => !ours.has(row.name))
      .map((row): Blocker => ({
        kind: "unmarked-snapshot",
        message: `the snapshot ${quote(row.name)} of undo point ${number} is not btm's own`,
        hint: "Destroy it with zfs destroy, or rename it out of the way with its dataset",
      })),
    ...(await holdBlockers(zfs, timeline.snapshots, action)),
    ...timeline.snapshots.flatMap((row) => dependants(row, place.dataset)),
    ...timeline.children.map((row): Blocker => ({
      kind: "child-dataset",
      message: `the dataset ${quote(row.name)} is a child of undo point ${number}`,
      hint: "Rename it out of there, or destroy it",
    })),
    ...mounts
      .filter(({ type, source }) => type === "zfs" && (source === point.place || source.startsWith(`${point.place}@`)))
      .map((mount): Blocker => ({
        kind: "mount",
        message: `undo point ${number} is mounted at ${quote(mount.mountPoint)}`,
        hint: "Unmount it first",
      })),
    ...(await Promise.all(devices.map((device) => deviceBlockers(device, mounts)))).flat(),
  ];
}

/** Other undo points are handed what they need. */
function dependants(row: Parameters<typeof cloneBlocker>[1], dataset: string): Blocker[] {
  const clones = row.value("clones")?.split(",") ?? [];
  return clones.flatMap((clone) => {
    if (undoNumberIn(dataset, clone) !== undefined) return [];
    const height = openHeightIn(dataset, clone);
    return [height === undefined ? cloneBlocker(clone, row) : openBlocker(height, row)];
  });
}

/**
 * Drops undo points, one after the other. What another one hangs on is handed over to it first: to the one that parts from
 * it last, for it then has what the others hang on as well.
 */
export async function dropPoints(work: Work, points: readonly UndoPoint[]): Promise<string[]> {
  const { place, zfs, lock, step } = work;
  const action = `drop undo points of ${quote(place.dataset)}`;
  mustBeRoot(action);
  const dropped: number[] = [];
  // Those that nothing else among them hangs on come first, then less is handed over: the newest.
  for (const point of points.toSorted((a, b) => b.number - a.number)) {
    const failure = await failureOf(async () => {
      const family = await familyOf(zfs, place, action);
      const row = family.rows.get(point.place);
      if (row?.guid !== point.uuid) throw goneBy(action, point);
      await dropOne(work, family, point.place, { action, lock, step });
    });
    if (failure === undefined) {
      dropped.push(point.number);
      continue;
    }
    if (dropped.length === 0) throw failure;
    throw new BtmError("PARTLY_DONE", `${failure.message}; dropped: ${dropped.join(", ")}`, { cause: failure });
  }
  return [];
}

async function dropOne(
  { zfs, place }: Work,
  family: Family,
  dataset: string,
  { action, lock, step }: { readonly action: string; readonly lock: number; readonly step: Work["step"] },
): Promise<void> {
  const call = { action, lock };
  const hanging = family.points.filter(({ row }) => row.value("origin")?.startsWith(`${dataset}@`) === true);
  let timelines = await timelinesOf(zfs, [dataset], action);
  const heir = hanging
    .map(({ row }) => ({
      name: row.name,
      at: timelines.get(dataset)?.snapshots.findIndex((snapshot) => snapshot.name === row.value("origin")) ?? -1,
    }))
    .toSorted((a, b) => a.at - b.at)
    .at(-1);
  if (heir !== undefined) {
    await step("hand over", () => zfs.change(["promote", heir.name], call));
    timelines = await timelinesOf(zfs, [dataset], action);
  }
  const timeline = timelines.get(dataset);
  if (timeline === undefined) return;
  await step("drop undo point", () => destroyWhole(zfs, timeline, place, call));
}

function goneBy(action: string, point: UndoPoint): BtmError {
  return new BtmError("PLAN_CHANGED", `Cannot ${action}: undo point ${String(point.number)} is gone, or another one`, {
    hint: "Run the command again and look at the new plan",
  });
}
