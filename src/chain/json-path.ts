import { BtmError } from "../errors.ts";
import { show } from "../height.ts";
import type { Json } from "./exact-json.ts";

/** Keys of objects, and places in lists. */
export type JsonPath = readonly (string | number)[];

/**
 * Reads a path as "result.blocks[0].height". There is no way to write a key that holds a dot or a bracket.
 *
 * @throws BtmError BAD_OPTION
 * @example
 * parsePath("result.blocks[0]"); // ["result", "blocks", 0]
 */
export function parsePath(text: string): JsonPath {
  if (text === "") return [];
  if (!/^(?:[^.[\]]+|\[\d{1,6}\])(?:\.[^.[\]]+|\[\d{1,6}\])*$/.test(text)) {
    throw new BtmError("BAD_OPTION", `Cannot use the path ${show(text)}: expected keys and places in lists`, {
      hint: "For example result.blocks[0].height",
    });
  }
  return [...text.matchAll(/\[(\d+)\]|[^.[\]]+/g)].map(([key, place]) => (place === undefined ? key : Number(place)));
}

/** The path as {@link parsePath} reads it. */
export function pathText(path: JsonPath): string {
  return path
    .map((key) => (typeof key === "number" ? `[${String(key)}]` : `.${key}`))
    .join("")
    .replace(/^\./, "");
}

/** What is at the path; undefined when there is nothing. */
export function valueAt(value: Json, path: JsonPath): Json | undefined {
  let at: Json | undefined = value;
  for (const key of path) {
    if (at == null || typeof at !== "object" || Array.isArray(at) !== (typeof key === "number")) return undefined;
    // Only its own: "constructor" is not what a node has answered.
    at = Object.hasOwn(at, key) ? (at as Readonly<Record<string | number, Json>>)[key] : undefined;
  }
  return at;
}
