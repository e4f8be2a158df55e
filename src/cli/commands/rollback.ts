import type { RollbackResult } from "../../results.ts";
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
import { heightsText, kindText, namesText, timeText } from "../words.ts";

export interface RollbackFlags extends PlanFlags {
  readonly snapshotId: string;
  readonly strict?: boolean;
  readonly discardForeign?: boolean;
}

export const rollback: Command<RollbackFlags> = async (flags, context) => {
  const { output, signal } = context;
  const { strict = false, discardForeign = false, dryRun = false } = flags;
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
    discardForeign,
    dryRun,
    signal,
    ...confirmWith(flags, context, show, "Roll back?"),
  });
  noteRecovered(context, result.recovered);
  output.result(rollbackJson(volumeJson(btm, context), result));
  if (dryRun) {
    show(result, (line) => {
      output.line(line);
    });
    return result.blockers.length > 0 ? exitStatusOf.BLOCKED : 0;
  }
  for (const warning of result.warnings) output.warn(warning);
  output.line(`Rolled back ${volume} to ${String(result.target.height)}${whyText(result)}`);
  const gone = [...result.destroyed.map((snapshot) => snapshot.name), ...result.discarded.map(({ name }) => name)];
  if (gone.length > 0) output.line(`Destroyed, being newer: ${namesText(gone)}`);
  if (result.undo !== undefined) output.line(`What was live is kept: ${escapeText(result.undo.place)}`);
  return 0;
};

function showPlan({ output }: Context, volume: string, plan: RollbackResult, write: (line: string) => void): void {
  const { target, newer, undo, destroyed, discarded } = plan;
  const kind = kindText(target);
  write(output.style("bold", `Plan: put ${volume} back to ${String(target.height)}${whyText(plan)}`));
  write(
    `  snapshot:    ${escapeText(target.name)}, taken ${timeText(target.createdAt)} UTC${kind === "" ? "" : `, ${kind}`}`,
  );
  const newest = newer.at(-1);
  if (newest === undefined) write("  newer ones:  none");
  else {
    const back = String(newest.height - target.height);
    const fate = destroyed.length + discarded.length === 0 ? ", which stay" : "";
    write(
      `  newer ones:  ${heightsText(newer.map((snapshot) => snapshot.height))}${fate}; the newest is ${back} blocks ahead`,
    );
  }
  write(
    undo === undefined
      ? `  live state:  ${output.style("yellow", "is lost")}: all that was written since the snapshot`
      : `  live state:  is kept: ${escapeText(undo.place)}`,
  );
  const ours = destroyed.map((snapshot) => snapshot.name);
  write(`  destroyed:   ${ours.length === 0 ? "nothing" : `${namesText(ours)}, for good`}`);
  if (discarded.length > 0) write(`  not btm's:   ${namesText(discarded.map(({ name }) => name))}, destroyed as well`);
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
