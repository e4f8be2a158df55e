import { BtmError } from "../../errors.ts";
import { devicesOf } from "../../sys/zvol.ts";
import { quote, shellWord } from "../../text.ts";
import type { Blocker, Foreign, RollbackChoices, RollbackPlan, Snapshot } from "../driver.ts";
import { childBlockers, deviceBlockers, mountedBlockers, snapshotMountBlockers } from "./blockers.ts";
import type { ZfsCommand } from "./command.ts";
import { snapshotOf } from "./listing.ts";
import { HOLD, openHeightIn, PROPERTY, undoNumberIn } from "./names.ts";
import type { Place } from "./place.ts";
import { list, type Row } from "./rows.ts";

/** The columns of the one look that finds everything. */
const COLUMNS = [
  ...["type", "createtxg", "creation", "userrefs", "clones", "referenced", "refquota"],
  ...[PROPERTY.mark, PROPERTY.pin, PROPERTY.record, PROPERTY.origin],
];

/** What a rollback in place will destroy, and all that stands in its way. Changes nothing. */
export async function planInPlace(
  zfs: ZfsCommand,
  place: Place,
  target: Snapshot,
  { discardForeign, signal }: RollbackChoices,
): Promise<RollbackPlan> {
  const { dataset } = place;
  const action = `plan the rollback of ${quote(dataset)}`;
  const rows = await list(zfs, { types: "filesystem,volume,snapshot,bookmark", columns: COLUMNS, dataset, action });
  const own = rows.find((row) => row.name === dataset);
  const goal = rows.find((row) => row.name === target.name && row.guid === target.uuid);
  if (own === undefined || goal === undefined) throw replaced(target);

  // Newer by the transaction that made it: after an earlier rollback a lower height may be the newer one.
  const newer = rows.filter((row) => row.number("createtxg") > goal.number("createtxg"));
  const snapshots = newer.filter((row) => row.value("type") === "snapshot");
  const named = snapshots.flatMap((row) => snapshotOf(row, own, place));
  const ours = named.filter((snapshot) => snapshot.mark !== undefined);
  const foreign = snapshots.filter((row) => !ours.some((snapshot) => snapshot.name === row.name));
  const bookmarks = newer.filter((row) => row.value("type") === "bookmark");
  const discarded = [...foreign, ...bookmarks].map(asForeign);
  const children = rows.filter((row) => isChild(row, dataset));

  const blockers = [
    ...childBlockers(place),
    ...(discardForeign ? [] : discarded.map(foreignBlocker)),
    ...named.filter((snapshot) => snapshot.pinned).map(pinBlocker),
    ...(await holdBlockers(zfs, snapshots, action)),
    ...snapshots.flatMap((row) => cloneBlockers(row, dataset)),
    ...quotaBlockers(own, goal),
    ...snapshotMountBlockers(place, new Set(snapshots.map((row) => row.name))),
    ...(own.value("type") === "volume"
      ? await zvolBlockers(place, new Set([dataset, ...snapshots.map((row) => row.name)]))
      : await mountedBlockers(place, signal)),
  ];
  return {
    goal: { kind: "snapshot", snapshot: target },
    undo: undefined,
    moved: [],
    returned: [],
    dropped: [],
    destroyed: ours.toSorted((a, b) => (a.height < b.height ? -1 : 1)),
    discarded: discardForeign ? discarded : [],
    blockers,
    warnings: [...children.map(childWarning), ...manyWarning(snapshots.length)],
  };
}

/** Measured in the lab: 1,000 in one transaction take 11 s, 2,000 take 37 s. */
const MANY = 1000;

function asForeign(row: Row): Foreign {
  return { kind: row.value("type") === "bookmark" ? "bookmark" : "snapshot", name: row.name, uuid: row.guid };
}

function isChild(row: Row, dataset: string): boolean {
  return row.name !== dataset && ["filesystem", "volume"].includes(row.value("type") ?? "");
}

function childWarning(row: Row): string {
  return `the dataset ${quote(row.name)} is a child of it, and stays as it is now`;
}

/** What is to be said of a destroy of many. */
function manyWarning(snapshots: number): string[] {
  return snapshots > MANY ? [`destroying ${String(snapshots)} snapshots at once holds up the whole pool`] : [];
}

function foreignBlocker({ kind, name }: Foreign): Blocker {
  const keep = kind === "bookmark" ? "a bookmark cannot be kept" : "to keep it, zfs send it elsewhere first";
  return {
    kind: kind === "bookmark" ? "bookmark" : "unmarked-snapshot",
    message: `the ${kind} ${quote(name)} is newer than the target and not btm's own`,
    hint: `Give --discard-foreign to destroy it with the newer ones of btm; ${keep}`,
  };
}

function pinBlocker({ name }: Snapshot): Blocker {
  return {
    kind: "pinned-snapshot",
    message: `the snapshot ${quote(name)} is pinned, and newer than the target`,
    hint: "Unpin it first, if it may be destroyed",
  };
}

/** The hold of a pin is none beside the pin. */
export async function holdBlockers(zfs: ZfsCommand, snapshots: readonly Row[], action: string): Promise<Blocker[]> {
  const held = snapshots.filter((row) => row.number("userrefs") > 0n).map((row) => row.name);
  if (held.length === 0) return [];
  const pinned = new Set(snapshots.filter((row) => row.value(PROPERTY.pin) !== undefined).map((row) => row.name));
  // A line has the name, the tag and the time between tabs; a tag may be any text, and serves for the message only.
  const lines = (await zfs.read(["holds", "-H", ...held], { action })).split("\n").map((line) => line.split("\t"));
  return held.flatMap((name): Blocker[] => {
    const all = lines.filter((cells) => cells[0] === name).map((cells) => cells[1] ?? "");
    const tags = all.filter((tag) => tag !== HOLD || !pinned.has(name));
    if (tags.length === 0 && all.length > 0) return [];
    return [
      {
        kind: "hold",
        message: `the snapshot ${quote(name)}, which would be destroyed, is held: ${tags.map(quote).join(", ")}`,
        hint: `zfs release ${shellWord(tags[0] ?? "TAG")} ${shellWord(name)} lets it go`,
      },
    ];
  });
}

/** What hangs on a snapshot that would be destroyed. */
function cloneBlockers(row: Row, dataset: string): Blocker[] {
  const clones = row.value("clones")?.split(",") ?? [];
  return clones.map((clone) => {
    const number = undoNumberIn(dataset, clone);
    if (number !== undefined) {
      return {
        kind: "undo-point",
        message: `undo point ${String(number)} hangs on the snapshot ${quote(row.name)}, which would be destroyed`,
        hint: `Drop it first, if it may be lost: btm undo --drop ${String(number)}`,
      };
    }
    const height = openHeightIn(dataset, clone);
    return height === undefined ? cloneBlocker(clone, row) : openBlocker(height, row);
  });
}

export function cloneBlocker(clone: string, row: Row): Blocker {
  return {
    kind: "clone",
    message: `the dataset ${quote(clone)} is a clone of the snapshot ${quote(row.name)}, which would be destroyed`,
    hint: `Destroy it, or make it stand alone: zfs promote ${shellWord(clone)}`,
  };
}

export function openBlocker(height: string, row: Row): Blocker {
  return {
    kind: "open-clone",
    message: `the snapshot ${quote(row.name)}, which would be destroyed, is open`,
    hint: `Close its clone first: btm close ${height}`,
  };
}

/** dsl_dataset_rollback_check() in module/zfs/dsl_dataset.c refuses a state that is over the refquota. */
export function quotaBlockers(own: Row, goal: Row): Blocker[] {
  const [size, quota] = [goal.number("referenced"), own.number("refquota")];
  if (quota === 0n || size <= quota) return [];
  return [
    {
      kind: "quota",
      message: `the snapshot refers to ${String(size)} bytes, more than the refquota of ${String(quota)}`,
      hint: `Raise it first: zfs set refquota=${String(size)} ${shellWord(own.name)}, or more`,
    },
  ];
}

/** @param names the zvol, and the snapshots that would be destroyed: these may have devices as well (snapdev) */
export async function zvolBlockers({ mounts }: Place, names: ReadonlySet<string>): Promise<Blocker[]> {
  const devices = devicesOf((name) => names.has(name));
  return (await Promise.all(devices.map((device) => deviceBlockers(device, mounts)))).flat();
}

export function replaced(target: Snapshot): BtmError {
  return new BtmError("PLAN_CHANGED", `Cannot roll back to ${quote(target.name)}: it is gone, or another one by now`, {
    hint: "Run the command again and look at the new plan",
  });
}
