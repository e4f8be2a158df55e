import { BtmError, type BtmErrorOptions, isBtmError } from "../errors.ts";
import { escapeText, quote } from "../text.ts";

/** Why a node cannot be held on this system at all; it is the same at the next snapshot. */
export function unavailable(kind: "freeze" | "stop", unit: string, why: string, options: BtmErrorOptions): BtmError {
  return new BtmError("QUIESCE_UNAVAILABLE", `Cannot ${kind} ${quote(unit)}: ${why}`, {
    ...options,
    details: { unit, ...options.details },
  });
}

/** Whatever went wrong in holding a node, as a warning: the snapshot is taken all the same. */
export function asWarning(kind: "freeze" | "stop", unit: string, error: unknown): BtmError {
  if (isBtmError(error)) return error;
  const why = escapeText(error instanceof Error ? error.message : String(error));
  return new BtmError("SYSTEM_ERROR", `Cannot ${kind} ${quote(unit)}: ${why}`, { cause: error, details: { unit } });
}
