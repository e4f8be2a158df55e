import type { AdoptResult } from "../../results.ts";
import { BtmError, exitStatusOf } from "../../errors.ts";
import { count, escapeText } from "../../text.ts";
import { type Command, confirmWith, makeBtm, noteRecovered, type PlanFlags, volumeJson } from "../context.ts";
import { adoptJson } from "../json.ts";
import { timeText } from "../words.ts";

/** Names prove nothing, so someone must have looked: a person at the prompt, or whoever wrote --yes. */
export const adopt: Command<PlanFlags> = async (flags, context) => {
  const { output, signal } = context;
  const { dryRun = false, yes = false } = flags;
  const btm = makeBtm(flags, context);
  const volume = escapeText(btm.cfg.volume);
  if (!dryRun && !yes && (flags.json === true || !context.isInteractive)) {
    throw new BtmError(
      "CONFIRMATION_REQUIRED",
      `Cannot adopt snapshots of ${volume} without a word from you: there is no terminal to ask at`,
      {
        hint: "Look at btm adopt --dry-run, then give --yes",
      },
    );
  }
  const show = ({ adopted, recovered }: AdoptResult, write: (line: string) => void): void => {
    noteRecovered(context, recovered);
    write(
      output.style(
        "bold",
        `Plan: mark ${count(adopted.length, "snapshot")} of ${volume} as btm's own, to be pruned and cleaned like them`,
      ),
    );
    for (const { height, name, createdAt } of adopted)
      write(`  ${String(height)}  ${escapeText(name)}  taken ${timeText(createdAt)} UTC`);
  };
  const result = await btm.adopt({ dryRun, signal, ...confirmWith(flags, context, show, "Adopt them?") });
  noteRecovered(context, result.recovered);
  output.result(adoptJson(volumeJson(btm, context), result));
  if (dryRun) {
    show(result, (line) => {
      output.line(line);
    });
    return 0;
  }
  output.line(`Adopted ${count(result.adopted.length, "snapshot")} of ${volume}`);
  for (const { error } of result.failed) output.warn(error.message);
  return result.failed.length > 0 ? exitStatusOf.PARTLY_DONE : 0;
};
