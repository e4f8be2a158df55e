import { parse } from "smol-toml";

/**
 * On which line of a TOML text a key is written, counted from 1; that of its table when the key itself is not found, as in
 * an inline table. The parser does not tell: it is looked for by lines, which a multi-line string could mislead, and then
 * a message names a line near by.
 *
 * @param path for example ["volumes", "node", "itv"]
 */
export function lineOf(text: string, path: readonly string[]): number | undefined {
  let table: readonly string[] = [];
  let found: { line: number; depth: number } | undefined;
  for (const [i, source] of text.split("\n").entries()) {
    const header = /^\s*\[/.test(source) ? keysOf(source) : undefined;
    if (header !== undefined) table = header;
    const keys = header ?? [...table, ...(/^\s*[\w"'-].*=/.test(source) ? (keysOf(keyPart(source)) ?? []) : [])];
    if (header === undefined && keys.length === table.length) continue;
    const depth = commonDepth(keys, path);
    if (depth > (found?.depth ?? 0) && depth === keys.length) found = { line: i + 1, depth };
  }
  return found?.line;
}

/** "a.b = 1" without its value, which may go on over several lines. */
function keyPart(source: string): string {
  const match = /^\s*(?:(?:"(?:[^"\\]|\\.)*"|'[^']*'|[\w-]+)\s*\.?\s*)+=/.exec(source);
  return match === null ? "" : `${match[0]}0`;
}

/** The keys of one header or assignment, parsed alone. */
function keysOf(source: string): string[] | undefined {
  const keys: string[] = [];
  try {
    for (let at: unknown = parse(source); isTable(at);) {
      const [key] = Object.keys(at);
      if (key === undefined) break;
      keys.push(key);
      at = at[key];
    }
  } catch {
    return undefined;
  }
  return keys;
}

export function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function commonDepth(a: readonly string[], b: readonly string[]): number {
  const differs = a.findIndex((key, i) => key !== b[i]);
  return differs === -1 ? a.length : differs;
}
