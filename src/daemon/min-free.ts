/** How much of a file system must stay free: a share of it, or a number of bytes. */
export type MinFree =
  { readonly kind: "percent"; readonly percent: number } | { readonly kind: "bytes"; readonly bytes: bigint };

/** What {@link parseMinFree} takes, for messages. */
export const MIN_FREE_FORMS = 'a percentage below 100 ("5%"), or a size ("10GiB", "500MB", bytes)';

/** Undefined when it is neither a percentage nor a size. */
export function parseMinFree(input: unknown): MinFree | undefined {
  if (typeof input === "bigint" || typeof input === "number") return ofBytes(String(input), "");
  if (typeof input !== "string") return undefined;
  const match = /^(\d{1,19})(?:\.(\d{1,3}))?\s*(%|[KMGTP]i?B|B)?$/i.exec(input.trim());
  if (match === null) return undefined;
  const [, whole = "", fraction = "", unit = ""] = match;
  if (unit !== "%") return fraction === "" ? ofBytes(whole, unit) : undefined;
  const percent = Number(`${whole}.${fraction === "" ? "0" : fraction}`);
  return percent < 100 ? { kind: "percent", percent } : undefined;
}

export function minFreeText(minFree: MinFree): string {
  return minFree.kind === "percent" ? `${String(minFree.percent)}%` : `${String(minFree.bytes)} bytes`;
}

/** In bytes, of a file system of that size. */
export function minFreeBytes(minFree: MinFree, size: bigint): bigint {
  if (minFree.kind === "bytes") return minFree.bytes;
  return (size * BigInt(Math.round(minFree.percent * 1000))) / 100_000n;
}

function ofBytes(digits: string, unit: string): MinFree | undefined {
  if (!/^\d+$/.test(digits)) return undefined;
  const bytes = BigInt(digits) * factorOf(unit);
  return bytes < 2n ** 63n ? { kind: "bytes", bytes } : undefined;
}

/** SI units are powers of 1000, IEC ones of 1024 (IEC 80000-13). */
function factorOf(unit: string): bigint {
  const power = BigInt(" KMGTP".indexOf(unit.charAt(0).toUpperCase()));
  if (power < 1n) return 1n;
  return (/i/i.test(unit) ? 1024n : 1000n) ** power;
}
