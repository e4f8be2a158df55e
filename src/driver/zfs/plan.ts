import { BtmError } from "../../errors.ts";
import { devicesOf } from "../../sys/zvol.ts";
import { quote } from "../../text.ts";
import type { Blocker, Foreign, RollbackChoices, RollbackPlan, Snapshot } from "../driver.ts";
import { heightInName } from "../snapshot-name.ts";
import { childBlockers, deviceBlockers, mountedBlockers, snapshotMountBlockers } from "./blockers.ts";
import type { ZfsCommand } from "./command.ts";
import { ownMark, parseRows, type Row } from "./listing.ts";
import { PROPERTY } from "./names.ts";
import { type Place, snapshotPath } from "./place.ts";

/** The columns of the one look that finds everything; in this order. */
const COLUMNS = [
  ...["name", "type", "guid", "createtxg", "creation", "userrefs", "clones", "referenced", "refquota"],
  ...[PROPERTY.mark, PROPERTY.pin],
];

interface Entry {
  readonly name: string;
  readonly type: string | undefined;
  readonly guid: string;
  readonly createdIn: bigint;
  readonly createdAt: Date;
  readonly holds: bigint;
  readonly clones: readonly string[];
  readonly referenced: bigint;
  readonly refquota: bigint;
  readonly mark: string | undefined;
  readonly pin: string | undefined;
}

/** What a rollback in place will destroy, and all that stands in its way. Changes nothing. */
export async function planRollback(
  zfs: ZfsCommand,
  place: Place,
  target: Snapshot,
  { discardForeign, signal }: RollbackChoices,
): Promise<RollbackPlan> {
  const { dataset } = place;
  const action = `plan the rollback of ${quote(dataset)}`;
  const types = "filesystem,volume,snapshot,bookmark";
  const args = ["list", "-Hp", "-d", "1", "-t", types, "-o", COLUMNS.join(","), dataset];
  const entries = parseRows(await zfs.read(args, { action })).map(parseEntry);
  const own = entries.find((entry) => entry.name === dataset);
  const goal = entries.find((entry) => entry.name === target.name && entry.guid === target.uuid);
  if (own === undefined || goal === undefined) throw replaced(target);

  // Newer by the transaction that made it: after an earlier rollback a lower height may be the newer one.
  const newer = entries.filter((entry) => entry.createdIn > goal.createdIn);
  const snapshots = newer.filter((entry) => entry.type === "snapshot");
  const bookmarks = newer.filter((entry) => entry.type === "bookmark");
  const ours = snapshots.flatMap((entry) => asOurs(entry, own, place));
  const foreign = snapshots.filter((entry) => !ours.some((snapshot) => snapshot.name === entry.name));
  const discarded = [...foreign, ...bookmarks].map(asForeign);

  const blockers = [
    ...entries.filter((entry) => isChild(entry, dataset)).map(childBlocker),
    ...childBlockers(place).filter((blocker) => !entries.some((e) => isChild(e, dataset) && names(blocker, e.name))),
    ...(discardForeign ? [] : discarded.map(foreignBlocker)),
    ...ours.filter((snapshot) => snapshot.pinned).map(pinBlocker),
    ...(await holdBlockers(zfs, snapshots, action)),
    ...snapshots.flatMap(cloneBlockers),
    ...quotaBlockers(own, goal),
    ...snapshotMountBlockers(place, new Set(snapshots.map((entry) => entry.name))),
    ...(own.type === "volume"
      ? await zvolBlockers(place, new Set([dataset, ...snapshots.map((entry) => entry.name)]))
      : await mountedBlockers(place, signal)),
  ];
  return {
    target,
    undo: undefined,
    destroyed: ours.toSorted((a, b) => (a.height < b.height ? -1 : 1)),
    discarded: discardForeign ? discarded : [],
    blockers,
    warnings: [],
  };
}

function parseEntry(row: Row): Entry {
  const number = (column: number): bigint => BigInt(row.value(column) ?? 0);
  return {
    name: row.name,
    type: row.value(1),
    guid: row.value(2) ?? "",
    createdIn: number(3),
    createdAt: new Date(Number(number(4)) * 1000),
    holds: number(5),
    clones:
      row
        .value(6)
        ?.split(",")
        .filter((name) => name !== "") ?? [],
    referenced: number(7),
    refquota: number(8),
    mark: row.value(9),
    pin: row.value(10),
  };
}

/** The snapshot, when it is one of ours. */
function asOurs(entry: Entry, own: Entry, place: Place): Snapshot[] {
  const height = heightInName(place.dataset, entry.name);
  if (height === undefined) return [];
  const mark = ownMark(entry.mark, { height, guid: own.guid, inherited: own.mark });
  if (mark === undefined) return [];
  return [
    {
      height,
      name: entry.name,
      path: snapshotPath(place, height),
      createdAt: entry.createdAt,
      mark,
      pinned: entry.pin === String(height),
      uuid: entry.guid,
    },
  ];
}

function asForeign(entry: Entry): Foreign {
  return { kind: entry.type === "bookmark" ? "bookmark" : "snapshot", name: entry.name, uuid: entry.guid };
}

function isChild(entry: Entry, dataset: string): boolean {
  return (entry.type === "filesystem" || entry.type === "volume") && entry.name !== dataset;
}

function names(blocker: Blocker, dataset: string): boolean {
  return blocker.message.startsWith(`the dataset ${quote(dataset)} `);
}

function childBlocker(entry: Entry): Blocker {
  return {
    kind: "child-dataset",
    message: `the dataset ${quote(entry.name)} is a child of it, which would stay as it is now`,
    hint: "A volume is rolled back as a whole: move the child's files into it, or rename the child out of it with zfs rename",
  };
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

async function holdBlockers(zfs: ZfsCommand, snapshots: readonly Entry[], action: string): Promise<Blocker[]> {
  const held = snapshots.filter((entry) => entry.holds > 0n).map((entry) => entry.name);
  if (held.length === 0) return [];
  const rows = parseRows(await zfs.read(["holds", "-H", ...held], { action }));
  return held.map((name) => {
    const tags = rows.filter((row) => row.name === name).map((row) => row.value(1) ?? "");
    return {
      kind: "hold",
      message: `the snapshot ${quote(name)}, which would be destroyed, is held: ${tags.map(quote).join(", ")}`,
      hint: `zfs release ${quote(tags[0] ?? "TAG")} ${quote(name)} lets it go`,
    };
  });
}

function cloneBlockers({ name, clones }: Entry): Blocker[] {
  return clones.map((clone) => ({
    kind: "clone",
    message: `the dataset ${quote(clone)} is a clone of the snapshot ${quote(name)}, which would be destroyed`,
    hint: `Destroy it, or make it stand alone: zfs promote ${quote(clone)}`,
  }));
}

/** dsl_dataset_rollback_check() in module/zfs/dsl_dataset.c refuses a state that is over the refquota. */
function quotaBlockers(own: Entry, goal: Entry): Blocker[] {
  if (own.refquota === 0n || goal.referenced <= own.refquota) return [];
  return [
    {
      kind: "quota",
      message: `the snapshot refers to ${String(goal.referenced)} bytes, more than the refquota of ${String(own.refquota)}`,
      hint: `Raise it first: zfs set refquota=${String(goal.referenced)} ${quote(own.name)}, or more`,
    },
  ];
}

/** @param names the zvol, and the snapshots that would be destroyed: these may have devices as well (snapdev) */
async function zvolBlockers({ mounts }: Place, names: ReadonlySet<string>): Promise<Blocker[]> {
  const devices = devicesOf((name) => names.has(name));
  return (await Promise.all(devices.map((device) => deviceBlockers(device, mounts)))).flat();
}

function replaced(target: Snapshot): BtmError {
  return new BtmError("PLAN_CHANGED", `Cannot roll back to ${quote(target.name)}: it is gone, or another one by now`, {
    hint: "Run the command again and look at the new plan",
  });
}
