import * as v from "valibot";

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
