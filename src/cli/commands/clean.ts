import type { CleanResult } from "../../results.ts";
import { exitStatusOf } from "../../errors.ts";
import { count, escapeText } from "../../text.ts";
import { type Command, confirmWith, makeBtm, noteRecovered, type PlanFlags, volumeJson } from "../context.ts";
import { cleanJson } from "../json.ts";
import { heightsText, sparedText } from "../words.ts";

export interface CleanFlags extends PlanFlags {
  readonly kept: string;
}

export const clean: Command<CleanFlags> = async (flags, context) => {
  const { output, signal } = context;
  const { dryRun = false } = flags;
  const btm = makeBtm(flags, context);
  const volume = escapeText(btm.cfg.volume);
  const sparedLines = ({ spared }: CleanResult): string[] =>
    spared.map((snapshot) => `${String(snapshot.height)} stays: ${sparedText(snapshot)}`);
  const show = (plan: CleanResult, write: (line: string) => void): void => {
    const { removed, kept, recovered } = plan;
    noteRecovered(context, recovered);
    write(output.style("bold", `Plan: destroy ${count(removed.length, "snapshot")} of ${volume}`));
    if (removed.length > 0) write(`  destroyed:  ${heightsText(removed.map((snapshot) => snapshot.height))}`);
    write(`  kept:       ${kept.length === 0 ? "none" : heightsText(kept.map((snapshot) => snapshot.height))}`);
    for (const line of sparedLines(plan)) write(`  ${line}`);
  };
  const result = await btm.clean({
    kept: flags.kept,
    dryRun,
    signal,
    ...confirmWith(flags, context, show, "Destroy them?"),
  });
  noteRecovered(context, result.recovered);
  output.result(cleanJson(volumeJson(btm, context), result));
  if (dryRun) {
    show(result, (line) => {
      output.line(line);
    });
    return 0;
  }
  output.line(`Removed ${count(result.removed.length, "snapshot")} of ${volume}, kept ${String(result.kept.length)}`);
  for (const line of sparedLines(result)) output.note(line);
  for (const { error } of result.failed) output.warn(error.message);
  return result.failed.length > 0 ? exitStatusOf.PARTLY_DONE : 0;
};
