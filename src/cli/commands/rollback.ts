import type { RollbackResult } from "../../results.ts";
import { exitStatusOf } from "../../errors.ts";
import { escapeText } from "../../text.ts";
import { type Command, type Context, confirmWith, makeBtm, noteRecovered, type PlanFlags } from "../context.ts";
import { rollbackJson } from "../json.ts";
import { heightsText, kindText, timeText } from "../words.ts";

export interface RollbackFlags extends PlanFlags {
  readonly snapshotId: string;
  readonly strict?: boolean;
}

export const rollback: Command<RollbackFlags> = async (flags, context) => {
  const { output, signal } = context;
  const { strict = false, dryRun = false } = flags;
  const btm = makeBtm(flags, context);
  const volume = escapeText(btm.cfg.volume);
  // Any negative number means the latest, as in the original.
  const asked = /^-\d+$/.test(flags.snapshotId) ? undefined : flags.snapshotId;
  const show = (plan: RollbackResult, write: (line: string) => void): void => {
    noteRecovered(context, plan.recovered);
    showPlan(context, volume, plan, write);
  };
  const result = await btm.rollback(asked, {
    strict,
    dryRun,
    signal,
    ...confirmWith(flags, context, show, "Roll back?"),
  });
  noteRecovered(context, result.recovered);
  output.result(rollbackJson(btm.cfg.volume, result));
  if (dryRun) {
    show(result, (line) => {
      output.line(line);
    });
    return result.blockers.length > 0 ? exitStatusOf.BLOCKED : 0;
  }
  for (const warning of result.warnings) output.warn(warning);
  output.line(`Rolled back ${volume} to ${String(result.target.height)}${whyText(result)}`);
  output.line(`What was live is kept: ${escapeText(result.undo.place)}`);
  return 0;
};

function showPlan({ output }: Context, volume: string, plan: RollbackResult, write: (line: string) => void): void {
  const { target, newer, undo } = plan;
  const kind = kindText(target);
  write(output.style("bold", `Plan: put ${volume} back to ${String(target.height)}${whyText(plan)}`));
  write(
    `  snapshot:    ${escapeText(target.name)}, taken ${timeText(target.createdAt)} UTC${kind === "" ? "" : `, ${kind}`}`,
  );
  const newest = newer.at(-1);
  if (newest === undefined) write("  newer ones:  none");
  else {
    const back = String(newest.height - target.height);
    write(
      `  newer ones:  ${heightsText(newer.map((snapshot) => snapshot.height))}, which stay; the newest is ${back} blocks ahead`,
    );
  }
  write(`  live state:  is kept: ${escapeText(undo.place)}`);
  write("  destroyed:   nothing");
  for (const warning of plan.warnings) write(`  ${output.style("yellow", "warning:")}     ${warning}`);
  for (const { message, hint } of plan.blockers) write(`  ${output.style("red", "in the way:")}  ${message}. ${hint}`);
}

function whyText({ asked, choice }: RollbackResult): string {
  switch (choice) {
    case "latest":
      return ", the latest snapshot";
    case "exact":
      return "";
    case "nearest-below":
      return `, the nearest below ${String(asked)}, of which there is no snapshot`;
  }
}
