import type { Snapshot } from "../driver.ts";
import { type Mark, parseMark } from "../mark.ts";
import { heightInName } from "../snapshot-name.ts";
import { PROPERTY } from "./names.ts";
import { type Place, snapshotPath } from "./place.ts";
import type { Row } from "./rows.ts";

/** What one look at a dataset tells. */
export interface Listing {
  /** Identifies the dataset for good, whatever its name becomes. */
  readonly guid: string;
  /** What a rollback left of itself ({@link PROPERTY.done}); undefined when there is nothing. */
  readonly done: string | undefined;
  /** Ascending by height. */
  readonly snapshots: readonly Snapshot[];
}

/** What is asked of a listing: no more than it needs. The dataset itself comes first, with what its snapshots inherit. */
export const LISTING = {
  types: "filesystem,volume,snapshot",
  columns: ["creation", PROPERTY.mark, PROPERTY.pin, PROPERTY.done],
} as const;

/** @returns undefined when the dataset itself is not among the rows */
export function listingOf(rows: readonly Row[], place: Place): Listing | undefined {
  const { dataset } = place;
  const own = rows.find((row) => row.name === dataset);
  if (own === undefined) return undefined;
  const snapshots = rows.flatMap((row) => snapshotOf(row, own, place));
  return {
    guid: own.guid,
    done: own.value(PROPERTY.done),
    snapshots: snapshots.sort((a, b) => (a.height < b.height ? -1 : 1)),
  };
}

/** The snapshot that a row is, when it is one that is named by a height. */
export function snapshotOf(row: Row, own: Row, place: Place): Snapshot[] {
  const height = heightInName(place.dataset, row.name);
  if (height === undefined) return [];
  return [
    {
      height,
      name: row.name,
      path: snapshotPath(place, height),
      createdAt: new Date(Number(row.number("creation")) * 1000),
      mark: ownMark(row, own, height),
      pinned: isPinned(row, height),
      uuid: row.guid,
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
  const mark = parseMark(text);
  return mark !== undefined && mark.height === String(height) && mark.origin === own.guid ? mark : undefined;
}

/** Also when it is the dataset's: better one pinned too many than one destroyed. */
function isPinned(row: Row, height: bigint): boolean {
  return row.value(PROPERTY.pin) === String(height);
}
