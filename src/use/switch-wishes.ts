import { BtmError } from "../errors.ts";
import { parseUnsigned, show } from "../height.ts";
import type { RollbackOptions, RollbackResult } from "../results.ts";
import { checkGlobs } from "../rollback/preserve.ts";
import { checkUnits, type Service } from "../rollback/services.ts";

/** The options of a rollback or an undo, as they come. */
export interface SwitchWishes extends Omit<RollbackOptions, "strict"> {
  readonly discardNewer: boolean;
  readonly discardForeign: boolean;
}

/** The same, checked and complete. */
export interface Wishes {
  readonly discardNewer: boolean;
  readonly discardForeign: boolean;
  /** undefined when it was not said. */
  readonly keepUndo: number | undefined;
  readonly force: boolean;
  /** The names, as they were given. */
  readonly units: readonly string[];
  /** What stopping them will stop. */
  readonly services: readonly Service[];
  readonly globs: readonly string[];
  readonly allowSignerRewind: boolean;
  readonly dryRun: boolean;
  readonly confirm: ((plan: RollbackResult) => Promise<boolean>) | undefined;
  readonly signal: AbortSignal | undefined;
}

/** @throws BtmError BAD_OPTION, and those of checkUnits */
export async function checkWishes(options: SwitchWishes): Promise<Wishes> {
  const { discardNewer, discardForeign, force = false, allowSignerRewind = false, dryRun = false } = options;
  const globs = checkGlobs(checkTexts("preserve", options.preserve));
  const units = checkTexts("services", options.services);
  const keepUndo = options.keepUndo === undefined ? undefined : parseKeepUndo(options.keepUndo);
  const services = units.length === 0 ? [] : await checkUnits(units);
  const { confirm, signal } = options;
  return {
    discardNewer,
    discardForeign,
    keepUndo,
    force,
    units,
    services,
    globs,
    allowSignerRewind,
    dryRun,
    confirm,
    signal,
  };
}

function parseKeepUndo(input: unknown): number {
  const number = Number(parseUnsigned(input) ?? 0);
  if (number >= 1 && Number.isSafeInteger(number)) return number;
  throw new BtmError(
    "BAD_OPTION",
    `Cannot use keepUndo ${show(input)}: expected how many undo points are kept, from 1`,
    {
      hint: "To keep none, discard what is newer (--discard-newer), or drop the undo point afterwards",
    },
  );
}

function checkTexts(option: string, given: unknown): readonly string[] {
  if (given === undefined) return [];
  if (Array.isArray(given) && given.every((text) => typeof text === "string")) return given;
  throw new BtmError("BAD_OPTION", `Cannot use ${option} ${show(given)}: expected an array of strings`);
}
