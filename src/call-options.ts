import { BtmError } from "./errors.ts";
import { show } from "./height.ts";
import { quote } from "./text.ts";

type Kind = "boolean" | "function" | "signal" | "any";

/**
 * Checks the options of a call. JavaScript would let `clean({ keep: 2 })` through as a clean that keeps nothing, and
 * `clean({ dryrun: true })` as one that is no dry run.
 *
 * @param kinds every option there is; "any" is checked by its own parser
 * @throws BtmError BAD_OPTION
 */
export function checkCallOptions(call: string, options: unknown, kinds: Readonly<Record<string, Kind>>): void {
  const all: Readonly<Record<string, Kind>> = { ...kinds, signal: "signal" };
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new BtmError("BAD_OPTION", `Cannot use ${show(options)} as the options of ${call}: expected an object`);
  }
  for (const [key, value] of Object.entries(options)) {
    const kind = all[key];
    if (kind === undefined) {
      throw new BtmError(
        "BAD_OPTION",
        `Unknown option ${quote(key)} of ${call}: expected one of ${Object.keys(all).join(", ")}`,
      );
    }
    if (value !== undefined && !isOfKind(kind, value)) {
      throw new BtmError(
        "BAD_OPTION",
        `Cannot use ${key} ${show(value)} of ${call}: expected ${kind === "signal" ? "an AbortSignal" : `a ${kind}`}`,
      );
    }
  }
}

function isOfKind(kind: Kind, value: unknown): boolean {
  switch (kind) {
    case "boolean":
    case "function":
      return typeof value === kind;
    case "signal":
      return value instanceof AbortSignal;
    case "any":
      return true;
  }
}
