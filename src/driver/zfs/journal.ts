import * as v from "valibot";

import { parseStored } from "../mark.ts";

/**
 * The rollback under way, kept in a property of the dataset from before it is unmounted until it is mounted again, so that
 * whoever comes next can mount it. The rollback itself is one transaction, which also writes `done`.
 */
export interface Journal {
  readonly btm: 1;
  /** The guid of the dataset: children and clones inherit the property. */
  readonly dataset: string;
  /** Decimal digits. */
  readonly height: string;
  readonly mountPoint: string;
  /** The options of the mount, as mountinfo has them. */
  readonly options: readonly string[];
  /**
   * How it was mounted: where its mountpoint property says, so that `zfs mount` does it; by mount(8), the property being
   * "legacy"; or by mount(8) elsewhere than the property says.
   */
  readonly way: "property" | "legacy" | "elsewhere";
  readonly done: boolean;
}

const schema = v.object({
  btm: v.literal(1),
  dataset: v.string(),
  height: v.pipe(v.string(), v.regex(/^\d{1,20}$/)),
  mountPoint: v.pipe(v.string(), v.startsWith("/")),
  options: v.array(v.string()),
  way: v.picklist(["property", "legacy", "elsewhere"]),
  done: v.boolean(),
});

/** The journal that the value of the property holds; undefined when it holds none. */
export function parseJournal(text: string | undefined): Journal | undefined {
  return parseStored(schema, text);
}
