import { BtmError } from "./errors.ts";
import { quote } from "./text.ts";

declare const brand: unique symbol;

/** The height of a block: 0 to 2^64 - 1. Made by {@link parseHeight} only. */
export type Height = bigint & { readonly [brand]: "Height" };

/** What callers may give for a height: a bigint, a safe integer, or its decimal digits. */
export type HeightInput = bigint | number | string;

export const MAX_HEIGHT = 2n ** 64n - 1n;

/**
 * Checks a height given by a caller.
 *
 * A number must be a safe integer: beyond 2^53 JavaScript rounds silently, and 9007199254740993 would arrive as
 * 9007199254740992.
 *
 * @throws BtmError BAD_HEIGHT
 * @example
 * parseHeight("1234000"); // 1234000n
 */
export function parseHeight(input: HeightInput, what = "height"): Height {
  const value = parseUnsigned(input);
  if (value === undefined || value > MAX_HEIGHT) {
    throw new BtmError(
      "BAD_HEIGHT",
      `Cannot read the ${what} ${show(input)}: expected a whole number from 0 to 2^64 - 1`,
      {
        hint:
          typeof input === "number" && Number.isInteger(input) && input > 0
            ? "Beyond 2^53 a number is no longer exact: give a bigint, for example 9007199254740993n"
            : "Give decimal digits only, without zeros in front, for example 1234000",
      },
    );
  }
  return value as Height;
}

/**
 * The unsigned integer that the input writes, undefined when it writes none. Strings are decimal digits without sign,
 * blank, leading zero or exponent: BigInt("") is 0n and Number("1e3") is 1000, neither of which anyone meant.
 */
export function parseUnsigned(input: unknown): bigint | undefined {
  if (typeof input === "bigint") return input >= 0n ? input : undefined;
  if (typeof input === "number") return Number.isSafeInteger(input) && input >= 0 ? BigInt(input) : undefined;
  if (typeof input === "string") return /^(0|[1-9]\d{0,19})$/.test(input) ? BigInt(input) : undefined;
  return undefined;
}

/** A refused value as messages show it. */
export function show(input: unknown): string {
  if (typeof input === "string") return quote(input);
  if (typeof input === "bigint" || typeof input === "number" || typeof input === "boolean" || input == null) {
    return String(input);
  }
  return `of type ${Array.isArray(input) ? "array" : typeof input}`;
}

/**
 * Whether a height enters an interval that has no snapshot yet: floor(height / itv) > floor(last / itv). So with itv
 * 10, 0 is due, 1 is not, 11 is; consecutive blocks give exact multiples, and skipped heights or a restart lose at most
 * the exactness of one name.
 *
 * @param last the newest snapshot at or below the height; undefined when there is none
 * @param itv 1 to 2^64 - 1, in blocks
 */
export function due(height: bigint, last: bigint | undefined, itv: bigint): boolean {
  return last === undefined || height / itv > last / itv;
}
