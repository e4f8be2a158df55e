import { BtmError } from "../../errors.ts";
import type { BisectResult, BisectStep } from "../../results.ts";
import { escapeText } from "../../text.ts";
import { type Command, makeBtm, noteRecovered, volumeJson } from "../context.ts";
import { bisectJson } from "../json.ts";
import { heightsText } from "../words.ts";
import { type CommandFlags, commandOptions } from "./verify.ts";

export interface BisectFlags extends CommandFlags {
  readonly good: string;
  readonly bad: string;
  readonly trustEnds?: boolean;
}

export const bisect: Command<BisectFlags> = async (flags, context) => {
  const { output, signal } = context;
  const { good, bad, trustEnds = false } = flags;
  const btm = makeBtm(flags, context);
  const result = await btm.bisect({
    good,
    bad,
    trustEnds,
    ...commandOptions(flags),
    signal,
    onStep: (step) => {
      output.line(stepText(step));
    },
  });
  noteRecovered(context, result.recovered);
  for (const warning of result.warnings) output.warn(warning);
  const document = bisectJson(volumeJson(btm, context), result);
  if (result.suspects.length === 1) {
    output.result(document);
    output.line(foundText(escapeText(btm.cfg.volume), result));
    return 0;
  }
  const error = new BtmError("BISECT_FAILED", `The first bad is one of ${heightsText(result.suspects)}`, {
    hint: `The command could not tell of those right below ${String(result.firstBad)}; ${String(result.lastGood)} is good`,
  });
  output.failed(error, document);
  return error.exitStatus;
};

/** "3 of 17 left: 1234000 is good". */
function stepText({ height, finding, left, of }: BisectStep): string {
  const what = finding === "skip" ? "cannot be told" : `is ${finding}`;
  return `${String(left)} of ${String(of)} left: ${String(height)} ${what}`;
}

function foundText(volume: string, { firstBad, lastGood }: BisectResult): string {
  return `The first bad of ${volume} is ${String(firstBad)}; ${String(lastGood)} is the last good one`;
}
