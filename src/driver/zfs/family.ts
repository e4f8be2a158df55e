import type { OpenClone, Snapshot, UndoPoint } from "../driver.ts";
import type { Height } from "../../height.ts";
import { heightInName } from "../snapshot-name.ts";
import { quote } from "../../text.ts";
import type { ZfsCommand } from "./command.ts";
import { snapshotOf } from "./listing.ts";
import { baseOf, openHeightIn, parentOf, PROPERTY, siblings, undoNumberIn } from "./names.ts";
import type { Place } from "./place.ts";
import { type OpenRole, parseOpenRole, parseUndoRole, type UndoRole } from "./roles.ts";
import { list, type Row } from "./rows.ts";

/** A volume and what lies beside it and belongs to it. */
export interface Family {
  readonly place: Place;
  /** The dataset itself; undefined when a switch was interrupted just then. */
  readonly own: Row | undefined;
  /** All of that parent, by their names. */
  readonly rows: ReadonlyMap<string, Row>;
  readonly points: readonly Point[];
  readonly opened: readonly { readonly row: Row; readonly role: OpenRole; readonly height: Height }[];
  /** What has the name of a state that is to become live. */
  readonly staged: Row | undefined;
}

export interface Point {
  readonly row: Row;
  readonly role: UndoRole;
}

const COLUMNS = [
  "type",
  "origin",
  "used",
  "mounted",
  "encryptionroot",
  PROPERTY.role,
  PROPERTY.switch,
  PROPERTY.origin,
];

/** Looks at the siblings of a volume: one command. */
export async function familyOf(zfs: ZfsCommand, place: Place, action: string): Promise<Family> {
  const { dataset } = place;
  const types = "filesystem,volume";
  const parent = parentOf(dataset) ?? dataset;
  const rows = await list(zfs, { types, columns: COLUMNS, dataset: parent, action });
  const points = rows.flatMap((row): Point[] => {
    const role = parseUndoRole(row.value(PROPERTY.role));
    const number = undoNumberIn(dataset, row.name);
    return role !== undefined && role.number === number && role.volume === baseOf(dataset) ? [{ row, role }] : [];
  });
  const opened = rows.flatMap((row) => {
    const role = parseOpenRole(row.value(PROPERTY.role));
    const height = heightInName(dataset, `${dataset}@${openHeightIn(dataset, row.name) ?? ""}`);
    const isOurs = role?.volume === baseOf(dataset) && role.height === String(height);
    return isOurs && height !== undefined ? [{ row, role, height }] : [];
  });
  return {
    place,
    own: rows.find((row) => row.name === dataset),
    rows: new Map(rows.map((row) => [row.name, row])),
    points: points.toSorted((a, b) => a.role.number - b.role.number),
    opened: opened.toSorted((a, b) => (a.height < b.height ? -1 : 1)),
    staged: rows.find((row) => row.name === siblings.staged(dataset)),
  };
}

/** What is asked of snapshots, and of the datasets that have them. */
const TIMELINE_COLUMNS = [
  ...["type", "createtxg", "creation", "userrefs", "clones", "origin", "used"],
  ...["referenced", "refquota", "refreservation", "quota", "available"],
  ...[PROPERTY.mark, PROPERTY.pin, PROPERTY.record, PROPERTY.origin, PROPERTY.role],
] as const;

/** A dataset and what hangs on it. */
export interface Timeline {
  readonly own: Row;
  /** Whatever their names, ascending by the transaction that made them. */
  readonly snapshots: readonly Row[];
  readonly bookmarks: readonly Row[];
  readonly children: readonly Row[];
}

/** Looks at datasets with their snapshots and children: one command. */
export async function timelinesOf(
  zfs: ZfsCommand,
  datasets: readonly string[],
  action: string,
): Promise<ReadonlyMap<string, Timeline>> {
  if (datasets.length === 0) return new Map();
  const types = "filesystem,volume,snapshot,bookmark";
  const rows = await list(zfs, { types, columns: TIMELINE_COLUMNS, dataset: datasets, action });
  const byOwner = Map.groupBy(rows, ({ name }) => ownerOf(name, datasets));
  return new Map(
    datasets.flatMap((dataset): [string, Timeline][] => {
      const all = byOwner.get(dataset) ?? [];
      const own = all.find((row) => row.name === dataset);
      if (own === undefined) return [];
      const txg = (row: Row): bigint => row.number("createtxg");
      return [
        [
          dataset,
          {
            own,
            snapshots: all
              .filter((row) => row.value("type") === "snapshot")
              .toSorted((a, b) => (txg(a) < txg(b) ? -1 : 1)),
            bookmarks: all.filter((row) => row.value("type") === "bookmark"),
            children: all.filter((row) => row !== own && ["filesystem", "volume"].includes(row.value("type") ?? "")),
          },
        ],
      ];
    }),
  );
}

function ownerOf(name: string, datasets: readonly string[]): string {
  const whole = name.split(/[@#]/)[0] ?? "";
  return datasets.includes(whole) ? whole : (parentOf(whole) ?? whole);
}

/** The snapshots of a timeline that are named by a height, ascending by height. */
export function named(rows: readonly Row[], own: Row, place: Place): Snapshot[] {
  return rows.flatMap((row) => snapshotOf(row, own, place)).toSorted((a, b) => (a.height < b.height ? -1 : 1));
}

/** An undo point as it is. */
export function undoPointOf(point: Point, timeline: Timeline, place: Place, measure: boolean): UndoPoint {
  const { row, role } = point;
  const snapshots = named(timeline.snapshots, timeline.own, place);
  const to = heightOfSnapshot(row.value("origin")) ?? (BigInt(role.to) as Height);
  return {
    number: role.number,
    place: row.name,
    at: new Date(role.at),
    from: snapshots.at(-1)?.height ?? to,
    to,
    snapshots,
    uuid: row.guid,
    // Of it alone: what it shares is not counted (zfsprops(7), "used").
    bytes: measure ? row.number("used") : undefined,
  };
}

/** The height that the name of a snapshot of any dataset tells. */
export function heightOfSnapshot(name: string | undefined): Height | undefined {
  if (name === undefined) return undefined;
  const [dataset = ""] = name.split("@");
  return heightInName(dataset, name);
}

export async function undoPointsOf(zfs: ZfsCommand, place: Place, measure: boolean): Promise<UndoPoint[]> {
  const action = `look for the undo points of ${quote(place.dataset)}`;
  const { points } = await familyOf(zfs, place, action);
  const datasets = points.map(({ row }) => row.name);
  const timelines = await timelinesOf(zfs, datasets, action);
  return points.flatMap((point) => {
    const timeline = timelines.get(point.row.name);
    return timeline === undefined ? [] : [undoPointOf(point, timeline, place, measure)];
  });
}

export function openCloneOf({ row, role, height }: Family["opened"][number], path: string | undefined): OpenClone {
  const { at, isForCheck = false } = role;
  return { height, name: row.name, path, openedAt: new Date(at), uuid: row.guid, isForCheck };
}

/** One more than the highest there is, whoever has the name. */
export function nextNumber({ place, rows }: Family): number {
  return Math.max(0, ...[...rows.keys()].map((name) => undoNumberIn(place.dataset, name) ?? 0)) + 1;
}
