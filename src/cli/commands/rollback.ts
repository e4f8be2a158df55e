import type { RollbackResult, SwitchOptions } from "../../results.ts";
import { exitStatusOf } from "../../errors.ts";
import { escapeText } from "../../text.ts";
import {
  type Command,
  type Context,
  confirmWith,
  makeBtm,
  noteRecovered,
  type PlanFlags,
  volumeJson,
} from "../context.ts";
import { rollbackJson } from "../json.ts";
import { showSwitch, tellSwitched } from "../switch-text.ts";

/** What rollback and undo have in common. */
export interface SwitchFlags extends PlanFlags {
  readonly keepUndo?: string;
  readonly service?: readonly string[];
  readonly force?: boolean;
  readonly preserve?: readonly string[];
  readonly allowSignerRewind?: boolean;
}

export interface RollbackFlags extends SwitchFlags {
  readonly snapshotId: string;
  readonly strict?: boolean;
  readonly discardNewer?: boolean;
  readonly discardForeign?: boolean;
}

export const rollback: Command<RollbackFlags> = async (flags, context) => {
  const { strict = false, discardNewer = false, discardForeign = false } = flags;
  const btm = makeBtm(flags, context);
  // Any negative number means the latest, as in the original.
  const asked = /^-\d+$/.test(flags.snapshotId) ? undefined : flags.snapshotId;
  const volume = escapeText(btm.cfg.volume);
  const options = switchOptions(flags, context, volume, "Roll back?");
  const result = await btm.rollback(asked, { strict, discardNewer, discardForeign, ...options });
  context.output.result(rollbackJson(volumeJson(btm, context), result));
  return answerSwitch(context, volume, result);
};

/** @param volume as it is shown */
export function switchOptions(flags: SwitchFlags, context: Context, volume: string, question: string): SwitchOptions {
  const { dryRun = false, keepUndo, service = [], preserve = [], force = false, allowSignerRewind = false } = flags;
  const show = (plan: RollbackResult, write: (line: string) => void): void => {
    showSwitch(context, volume, plan, write);
  };
  return {
    ...(keepUndo === undefined ? {} : { keepUndo }),
    services: service,
    preserve,
    force,
    allowSignerRewind,
    dryRun,
    signal: context.signal,
    ...confirmWith(flags, context, show, question),
  };
}

/** The exit status. */
export function answerSwitch(context: Context, volume: string, result: RollbackResult): number {
  noteRecovered(context, result.recovered);
  if (!result.dryRun) {
    tellSwitched(context, volume, result);
    return 0;
  }
  showSwitch(context, volume, result, (line) => {
    context.output.line(line);
  });
  return result.blockers.length > 0 ? exitStatusOf.BLOCKED : 0;
}
