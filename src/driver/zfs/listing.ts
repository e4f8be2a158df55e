import type { Snapshot } from "../driver.ts";
import { parseRecord, type SnapshotRecord } from "../../record.ts";
import { type Mark, parseMarks } from "../mark.ts";
import { heightInName } from "../snapshot-name.ts";
import { openHeightIn, PROPERTY, undoNumberIn } from "./names.ts";
import { type Place, snapshotPath } from "./place.ts";
import { parseSwitch, type Switch } from "./roles.ts";
import type { Row } from "./rows.ts";

/** What one look at a dataset tells. */
export interface Listing {
  /** Identifies the dataset for good, whatever its name becomes. */
  readonly guid: string;
  /** What its marks name: its own guid, or that of the first one whose place it took. */
  readonly origin: string;
  /** What a rollback in place left of itself ({@link PROPERTY.done}); undefined when there is nothing. */
  readonly done: string | undefined;
  /** The switch that is under way, or was interrupted. */
  readonly switching: Switch | undefined;
  /** Ascending by height. */
  readonly snapshots: readonly Snapshot[];
}

/** What is asked of a listing: no more than it needs. The dataset itself comes first, with what its snapshots inherit. */
export const LISTING = {
  types: "filesystem,volume,snapshot",
  columns: [
    "creation",
    "clones",
    PROPERTY.mark,
    PROPERTY.pin,
    PROPERTY.record,
    PROPERTY.done,
    PROPERTY.origin,
    PROPERTY.switch,
  ],
} as const;

/** @returns undefined when the dataset itself is not among the rows */
export function listingOf(rows: readonly Row[], place: Place): Listing | undefined {
  const { dataset } = place;
  const own = rows.find((row) => row.name === dataset);
  if (own === undefined) return undefined;
  const snapshots = rows.flatMap((row) => snapshotOf(row, own, place));
  return {
    guid: own.guid,
    origin: originOf(own),
    done: own.value(PROPERTY.done),
    switching: parseSwitch(own.value(PROPERTY.switch)),
    snapshots: snapshots.sort((a, b) => (a.height < b.height ? -1 : 1)),
  };
}

/**
 * Takes the place of others, and their marks go on counting: when it says so with its own guid, for a copy of it, which
 * may have the property as well, has another.
 */
function originOf(own: Row): string {
  const [, first, guid] = /^(\d+) (\d+)$/.exec(own.value(PROPERTY.origin) ?? "") ?? [];
  return first !== undefined && guid === own.guid ? first : own.guid;
}

/**
 * The snapshot that a row is, when it is one that is named by a height.
 *
 * @param volume the dataset of the volume, when the row is of one of its undo points
 */
export function snapshotOf(row: Row, own: Row, place: Place, volume = place.dataset): Snapshot[] {
  const height = heightInName(own.name, row.name);
  if (height === undefined) return [];
  const pin = row.value(PROPERTY.pin) ?? "";
  // Also when it is the dataset's: better one pinned too many than one destroyed.
  const pinned = pin === String(height) || pin.startsWith(`${String(height)} `);
  return [
    {
      height,
      name: row.name,
      path: own.name === place.dataset ? snapshotPath(place, height) : undefined,
      createdAt: new Date(Number(row.number("creation")) * 1000),
      mark: ownMark(row, own, height),
      pinned,
      note: pinned && pin.includes(" ") ? pin.slice(pin.indexOf(" ") + 1) : undefined,
      neededBy: neededBy(row, volume),
      uuid: row.guid,
      record: recordIn(row, height),
    },
  ];
}

/**
 * A mark counts only where it was written: not when the snapshot was received elsewhere or renamed, or when it has it from
 * its dataset. The name of the dataset may change, its guid does not.
 */
function ownMark(row: Row, own: Row, height: bigint): Mark | undefined {
  const text = row.value(PROPERTY.mark);
  if (text === undefined || text === own.value(PROPERTY.mark)) return undefined;
  const origins = [own.guid, originOf(own)];
  return parseMarks(text).find((mark) => mark.height === String(height) && origins.includes(mark.origin));
}

/** One that is inherited says another height, or none. */
function recordIn(row: Row, height: bigint): SnapshotRecord | undefined {
  const text = row.value(PROPERTY.record) ?? "";
  const prefix = `${String(height)} `;
  return text.startsWith(prefix) ? parseRecord(text.slice(prefix.length)) : undefined;
}

/** The kernel destroys no snapshot that has clones. Those that are not ours are told when they stand in the way. */
function neededBy(row: Row, volume: string): string[] {
  const clones = row.value("clones")?.split(",") ?? [];
  return clones.flatMap((clone) => {
    const number = undoNumberIn(volume, clone);
    if (number !== undefined) return [`undo point ${String(number)}`];
    const height = openHeightIn(volume, clone);
    return height === undefined ? [] : [`the open clone of ${height}`];
  });
}
