/** How a rollback and its undoing are shown: the plan before, and what was done. */
import type { RollbackResult } from "../results.ts";
import type { Service } from "../rollback/services.ts";
import { count, escapeText } from "../text.ts";
import { type Context, noteRecovered } from "./context.ts";
import { heightsText, kindText, namesText, timeText, undoPointText } from "./words.ts";

/** @param volume as it is shown */
export function showSwitch(
  context: Context,
  volume: string,
  plan: RollbackResult,
  write: (line: string) => void,
): void {
  const { output } = context;
  noteRecovered(context, plan.recovered);
  write(output.style("bold", `Plan: ${titleOf(volume, plan)}`));
  const row = (label: string, text: string): void => {
    write(`  ${`${label}:`.padEnd(WIDTH)} ${text}`);
  };
  for (const [label, text] of factsOf(plan)) row(label, text);
  if (plan.undo === undefined) {
    row("live state", `${output.style("yellow", "is lost")}, with all that was written since the snapshot`);
  }
  for (const warning of plan.warnings) write(`  ${output.style("yellow", "warning:".padEnd(WIDTH))} ${warning}`);
  for (const { message, hint } of plan.blockers) {
    write(`  ${output.style("red", "in the way:".padEnd(WIDTH))} ${message}. ${hint}`);
  }
}

const WIDTH = "blocks back:".length;

function titleOf(volume: string, plan: RollbackResult): string {
  const { target, point, choice } = plan;
  if (target !== undefined) return `put ${volume} back to ${String(target.height)}${whyText(plan)}`;
  return `bring back undo point ${String(point?.number)} of ${volume}${choice === "latest" ? ", the latest" : ""}`;
}

function* factsOf(plan: RollbackResult): Generator<readonly [label: string, text: string]> {
  const { target, point, newer, back, undo, moved, returned, destroyed, discarded } = plan;
  if (target !== undefined) {
    const kind = kindText(target);
    const taken = `${escapeText(target.name)}, taken ${timeText(target.createdAt)} UTC`;
    yield ["snapshot", kind === "" ? taken : `${taken}, ${kind}`];
  }
  if (point !== undefined) yield ["undo point", `${undoPointText(point)}: ${escapeText(point.place)}`];
  const newest = newer.at(-1);
  const from = newest === undefined ? "" : `, from ${String(newest.height)}`;
  if (back < 0n) yield ["blocks on", String(-back)];
  else yield ["blocks back", `${String(back)}${from}`];
  if (undo !== undefined) {
    const what = moved.length === 0 ? "the live state" : `the live state and ${heightsText(moved.map(heightOf))}`;
    yield ["kept aside", `${what}, as undo point ${String(undo.number)}: ${escapeText(undo.place)}`];
  }
  if (returned.length > 0) yield ["comes back", heightsText(returned.map(heightOf))];
  const ours = destroyed.map(({ name }) => name);
  yield ["destroyed", ours.length === 0 ? "nothing" : `${namesText(ours)}, for good`];
  if (discarded.length > 0) yield ["not btm's", `${namesText(discarded.map(({ name }) => name))}, destroyed as well`];
  for (const older of plan.dropped) yield ["dropped", `${undoPointText(older)}, for good`];
  if (plan.preserved.length > 0) yield ["preserved", namesText(plan.preserved)];
  for (const service of plan.services) yield ["service", serviceText(service)];
}

function heightOf({ height }: { readonly height: bigint }): bigint {
  return height;
}

function serviceText({ unit, isRunning, neededFor }: Service): string {
  const why = neededFor === undefined ? "" : `, because it needs ${escapeText(neededFor)}`;
  return `${escapeText(unit)} ${isRunning ? "is stopped, and started again" : "does not run, and stays so"}${why}`;
}

/** What was done, for the answer of the command. */
export function tellSwitched({ output }: Context, volume: string, result: RollbackResult): void {
  const { target, point, undo, destroyed, discarded, dropped, preserved } = result;
  for (const warning of result.warnings) output.warn(warning);
  if (target !== undefined) output.line(`Rolled back ${volume} to ${String(target.height)}${whyText(result)}`);
  if (point !== undefined) output.line(`Brought back ${undoPointText(point)}, to ${volume}`);
  const gone = [...destroyed, ...discarded].map(({ name }) => name);
  if (gone.length > 0) output.line(`Destroyed, being newer: ${namesText(gone)}`);
  for (const older of dropped) output.line(`Dropped ${undoPointText(older)}, for good`);
  if (preserved.length > 0) output.line(`Preserved ${count(preserved.length, "path")}: ${namesText(preserved)}`);
  if (undo === undefined) return;
  output.line(
    `What was live is kept: undo point ${String(undo.number)}, ${escapeText(undo.place)}; btm undo brings it back`,
  );
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
