import { BtmError } from "../../errors.ts";
import { quote } from "../../text.ts";
import type { ZfsCommand } from "./command.ts";

/** What is asked of zfs list. */
export interface Query {
  readonly types: string;
  readonly columns: readonly string[];
  /** This dataset and what is one level below it; or these. */
  readonly dataset: string | readonly string[];
  readonly action: string;
}

export interface Row {
  readonly name: string;
  readonly guid: string;
  /** The value of a column; undefined when it is not set. */
  readonly value: (column: string) => string | undefined;
  /** The same of a column that is a number; 0 when it is not set. */
  readonly number: (column: string) => bigint;
}

function listArguments({ types, columns, dataset }: Omit<Query, "action">): string[] {
  const all = ["name", "guid", ...columns, "guid"].join(",");
  return ["list", "-Hp", "-d", "1", "-t", types, "-o", all, ...[dataset].flat()];
}

/** One zfs list, depth 1 and not -r, so that what is below children stays out. */
export async function list(zfs: ZfsCommand, query: Query): Promise<Row[]> {
  return parseRows(await zfs.read(listArguments(query), { action: query.action }), query);
}

/**
 * A line of -H has its columns between tabs, "-" for what is not set. The value of a user property may be any text, line
 * breaks and forged lines in it, and children inherit it: so the guid is asked twice, before and after all others, and
 * every line must have as many columns as were asked for, the same guid twice, and a name of its own.
 *
 * @throws BtmError SYSTEM_ERROR
 */
export function parseRows(text: string, { columns, action }: Pick<Query, "columns" | "action">): Row[] {
  const places = new Map(columns.map((column, i) => [column, i + 2]));
  const names = new Set<string>();
  const lines = text.split("\n");
  if (lines.pop() !== "") throw forged(action, text);
  return lines.map((line) => {
    const cells = line.split("\t");
    const [name = "", guid = ""] = cells;
    if (cells.length !== columns.length + 3 || guid !== cells.at(-1) || !/^\d+$/.test(guid) || names.has(name)) {
      throw forged(action, line);
    }
    names.add(name);
    const value = (column: string): string | undefined => {
      const cell = cells[places.get(column) ?? -1];
      return cell === "-" || cell === "" ? undefined : cell;
    };
    const number = (column: string): bigint => {
      const cell = value(column) ?? "0";
      if (!/^\d+$/.test(cell)) throw forged(action, line);
      return BigInt(cell);
    };
    return { name, guid, value, number };
  });
}

function forged(action: string, line: string): BtmError {
  return new BtmError(
    "SYSTEM_ERROR",
    `Cannot ${action}: zfs list printed a line that is none of its own: ${quote(line.slice(0, 300))}`,
    {
      hint: "Does a property whose name begins with btm: hold a line break or a tab? zfs get -s local,inherited all DATASET shows them; zfs inherit removes one",
    },
  );
}
