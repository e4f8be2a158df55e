import type { Blocker } from "../driver/driver.ts";
import { BtmError, type BtmErrorCode } from "../errors.ts";

/** The error of an operation that something stands in the way of; it names all of that. */
export function blocked(action: string, blockers: readonly Blocker[]): BtmError {
  const hints = [...new Set(blockers.map((blocker) => blocker.hint))];
  return new BtmError(codeOf(blockers), `Cannot ${action}: ${blockers.map((blocker) => blocker.message).join("; ")}`, {
    hint: hints.join(". "),
    details: { blockers },
  });
}

function codeOf(blockers: readonly Blocker[]): BtmErrorCode {
  const kinds = new Set(blockers.map(({ kind }) => kind));
  if ([...kinds].every((kind) => kind === "nested-subvolume" || kind === "child-dataset")) return "HAS_NESTED_VOLUMES";
  return [...kinds].every((kind) => kind === "signer-state") ? "SIGNER_STATE" : "BLOCKED";
}
