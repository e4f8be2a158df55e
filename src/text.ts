/**
 * Makes text from outside (paths, names, output of other programs) safe to print: one line, no control or
 * direction-changing characters that could forge or hide a line in a terminal or a log.
 *
 * Bidirectional controls are escaped because they reorder what a reader sees (CVE-2021-42574).
 *
 * @example
 * escapeText("a\nb"); // "a\\nb"
 */
export function escapeText(text: string): string {
  return text.replace(UNSAFE, (char) => SHORT[char] ?? `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);
}

/** The text, escaped and in double quotes, as messages show what came from outside. */
export function quote(text: string): string {
  return `"${escapeText(text).replaceAll('"', '\\"')}"`;
}

/** A word of a shell command that a hint shows, escaped and in single quotes, in which a shell expands nothing. */
export function shellWord(text: string): string {
  return `'${escapeText(text).replaceAll("'", `'\\''`)}'`;
}

/** "1 snapshot", "2 snapshots". */
export function count(n: number, noun: string): string {
  return `${String(n)} ${noun}${n === 1 ? "" : "s"}`;
}

const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0" };

// Controls (Cc), format characters (Cf, which hold the bidirectional controls), line and paragraph separators, and
// lone surrogates (Cs), which no terminal can show.
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** "512 B", "1.5 GiB". */
export function bytesText(bytes: bigint): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
  let amount = Number(bytes);
  let unit = 0;
  for (; amount >= 1024 && unit < units.length - 1; unit++) amount /= 1024;
  return `${unit === 0 ? String(amount) : amount.toFixed(1)} ${units[unit] ?? ""}`;
}
