import type { Snapshot } from "../driver.ts";
import { type Mark, parseMark } from "../mark.ts";
import { heightInName } from "../snapshot-name.ts";
import { type Journal, parseJournal } from "./journal.ts";
import { PROPERTY } from "./names.ts";
import { type Place, snapshotPath } from "./place.ts";

/** What one look at a dataset tells. */
export interface Listing {
  /** Identifies the dataset for good, whatever its name becomes. */
  readonly guid: string;
  /** The rollback that was interrupted; undefined when there is none. */
  readonly journal: Journal | undefined;
  /** Ascending by height. */
  readonly snapshots: readonly Snapshot[];
}

/**
 * The one command of a listing. Depth 1 and not -r, so that children stay out; the dataset itself comes first, with what
 * its snapshots inherit.
 */
export function listArguments(dataset: string): string[] {
  return ["list", "-Hp", "-d", "1", "-t", "filesystem,volume,snapshot", "-o", COLUMNS.join(","), dataset];
}

const COLUMNS = ["name", "guid", "creation", PROPERTY.mark, PROPERTY.pin, PROPERTY.journal] as const;

/** A line of -H: columns between tabs, "-" for a property that is not set. */
export interface Row {
  readonly name: string;
  /** The value of a column; undefined when it is not set. */
  readonly value: (column: number) => string | undefined;
}

export function parseRows(text: string): Row[] {
  return text.split("\n").flatMap((line) => {
    if (line === "") return [];
    const cells = line.split("\t");
    return [{ name: cells[0] ?? "", value: (column) => (cells[column] === "-" ? undefined : cells[column]) }];
  });
}

/** @returns undefined when the dataset itself is not among the rows */
export function parseListing(text: string, place: Place): Listing | undefined {
  const { dataset } = place;
  const rows = parseRows(text);
  const own = rows.find((row) => row.name === dataset);
  const guid = own?.value(1);
  if (own === undefined || guid === undefined) return undefined;
  const journal = parseJournal(own.value(5));
  const snapshots = rows.flatMap((row) => {
    const height = heightInName(dataset, row.name);
    if (height === undefined) return [];
    const snapshot: Snapshot = {
      height,
      name: row.name,
      path: snapshotPath(place, height),
      createdAt: new Date(Number(row.value(2)) * 1000),
      mark: ownMark(row.value(3), { height, guid, inherited: own.value(3) }),
      // Also when it is the dataset's: better one pinned too many than one destroyed.
      pinned: row.value(4) === String(height),
      uuid: row.value(1) ?? "",
    };
    return [snapshot];
  });
  return {
    guid,
    journal: journal?.dataset === guid ? journal : undefined,
    snapshots: snapshots.sort((a, b) => (a.height < b.height ? -1 : 1)),
  };
}

/**
 * A mark counts only where it was written: not when the snapshot was received elsewhere or renamed, or when it has it from
 * its dataset. The name of the dataset may change, its guid does not.
 */
export function ownMark(
  text: string | undefined,
  of: { readonly height: bigint; readonly guid: string; readonly inherited: string | undefined },
): Mark | undefined {
  if (text === undefined || text === of.inherited) return undefined;
  const mark = parseMark(text);
  return mark !== undefined && mark.height === String(of.height) && mark.origin === of.guid ? mark : undefined;
}
