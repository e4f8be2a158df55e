import * as v from "valibot";

/**
 * What btm writes into a snapshot so that it describes itself and btm knows its own. It names the height, the volume and
 * the live state it is of: a copy of the mark in any other place no longer agrees with where it stands.
 */
export interface Mark {
  /** The version of this format. */
  readonly btm: 1;
  /** Decimal digits. */
  readonly height: string;
  /** The last part of the name of the volume. */
  readonly volume: string;
  /** The uuid of the live state that was snapshotted. */
  readonly origin: string;
  /** Whether `btm adopt` wrote it, into a snapshot that btm did not make. */
  readonly adopted?: boolean;
}

const schema = v.object({
  btm: v.literal(1),
  height: v.pipe(v.string(), v.regex(/^(0|[1-9]\d{0,19})$/)),
  volume: v.string(),
  origin: v.string(),
  adopted: v.exactOptional(v.boolean()),
});

/** The mark that the text holds; undefined when it holds none, for it may be anything. */
export function parseMark(text: string | undefined): Mark | undefined {
  return parseStored(schema, text);
}

/** JSON read from a disk, when it has the form; undefined when it has not. */
export function parseStored<T>(form: v.GenericSchema<unknown, T>, text: string | undefined): T | undefined {
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Not JSON: not written by us.
    return undefined;
  }
  const result = v.safeParse(form, value);
  return result.success ? result.output : undefined;
}
