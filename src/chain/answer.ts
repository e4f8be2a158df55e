import { BtmError } from "../errors.ts";
import { type Height, MAX_HEIGHT } from "../height.ts";
import { MAX_TEXT } from "../node-facts.ts";
import { escapeText, quote } from "../text.ts";
import type { Json } from "./exact-json.ts";
import { pathText, type JsonPath, parsePath, valueAt } from "./json-path.ts";

/** How a height is written: decimal, hexadecimal, or either, told by a leading 0x. */
export type Base = "dec" | "hex" | "auto";

export interface HeightForm {
  /** "auto" unless given. */
  readonly base?: Base;
  /** Added to what is read; may be negative. */
  readonly offset?: bigint;
}

/** What a node answered, of which parts are read by their path ("result.sync_info.height", "blocks[0]"; "" is all). */
export class Answer {
  readonly #what: string;
  readonly value: Json;

  /** @param what the question, for messages; it holds no credentials */
  constructor(what: string, value: Json) {
    this.#what = what;
    this.value = value;
  }

  /** @throws BtmError NODE_ANSWER when there is no height of 0 to 2^64 - 1 */
  height(path: string | JsonPath, { base = "auto", offset = 0n }: HeightForm = {}): Height {
    const value = this.#at(path);
    const read = unsignedIn(value, base);
    const height = read === undefined ? undefined : read + offset;
    if (height === undefined || height < 0n || height > MAX_HEIGHT) {
      const added = offset === 0n ? "" : `, ${String(offset)} to be added,`;
      throw this.#unfit(path, value, `a height${base === "auto" ? "" : ` (${base})`}${added} from 0 to 2^64 - 1`);
    }
    return height as Height;
  }

  /** A hash, the name of a chain: what is kept with a snapshot, and is no longer than that may be. */
  text(path: string | JsonPath): string {
    const value = this.#at(path);
    if (typeof value === "string" && value !== "" && value.length <= MAX_TEXT) return value;
    throw this.#unfit(path, value, `a text of at most ${String(MAX_TEXT)} characters`);
  }

  /** Undefined when it is missing, null or empty. */
  maybeText(path: string | JsonPath): string | undefined {
    const value = this.#at(path);
    return value == null || value === "" ? undefined : this.text(path);
  }

  flag(path: string): boolean {
    const value = this.#at(path);
    if (typeof value === "boolean") return value;
    throw this.#unfit(path, value, "true or false");
  }

  /** A text or number, as text. */
  id(path: string): string {
    const value = this.#at(path);
    if (typeof value === "bigint" || (typeof value === "number" && Number.isSafeInteger(value))) return String(value);
    if (typeof value === "string" && value !== "" && value.length <= MAX_TEXT) return value;
    throw this.#unfit(path, value, `a text of at most ${String(MAX_TEXT)} characters or a whole number`);
  }

  /** Whether there is something other than null. */
  has(path: string): boolean {
    return this.#at(path) != null;
  }

  /** The part at the path, to read on from there. */
  part(path: string): Answer {
    return new Answer(this.#what, this.#at(path) ?? null);
  }

  #at(path: string | JsonPath): Json | undefined {
    return valueAt(this.value, typeof path === "string" ? parsePath(path) : path);
  }

  #unfit(path: string | JsonPath, value: Json | undefined, wanted: string): BtmError {
    const where = typeof path === "string" ? path : pathText(path);
    const at = where === "" ? "" : ` at ${quote(where)}`;
    return new BtmError("NODE_ANSWER", `The answer to ${this.#what} has ${shown(value)}${at}: expected ${wanted}`, {
      hint: "Is it the node, and of the family that is configured?",
    });
  }
}

/** Leading zeros are refused in decimal, as 010 is 8 to some; signs, blanks, fractions and exponents everywhere. */
function unsignedIn(value: Json | undefined, base: Base): bigint | undefined {
  if (typeof value === "bigint") return base !== "hex" && value >= 0n ? value : undefined;
  if (typeof value === "number") {
    return base !== "hex" && Number.isSafeInteger(value) && value >= 0 ? BigInt(value) : undefined;
  }
  if (typeof value !== "string" || value.length > 80) return undefined;
  const hex = /^(?:0[xX])?([0-9a-fA-F]+)$/.exec(value);
  const isHex = base === "hex" || (base === "auto" && /^0[xX]/.test(value));
  if (isHex) return hex?.[1] === undefined ? undefined : BigInt(`0x${hex[1]}`);
  return /^(0|[1-9]\d*)$/.test(value) ? BigInt(value) : undefined;
}

function shown(value: Json | undefined): string {
  if (value === undefined) return "nothing";
  if (typeof value === "string") return quote(value.length > 80 ? `${value.slice(0, 80)}...` : value);
  if (value === null || typeof value !== "object") return escapeText(String(value));
  return Array.isArray(value) ? "a list" : "an object";
}
