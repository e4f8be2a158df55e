import type { Btm } from "../../btm.ts";
import { BtmError, exitStatusOf } from "../../errors.ts";
import type { DropResult } from "../../results.ts";
import { bytesText, count, escapeText } from "../../text.ts";
import { type Command, type Context, confirmWith, makeBtm, noteRecovered, volumeJson } from "../context.ts";
import { dropJson, rollbackJson, undoListJson } from "../json.ts";
import { timeText, undoPointText } from "../words.ts";
import { answerSwitch, type SwitchFlags, switchOptions } from "./rollback.ts";

export interface UndoFlags extends SwitchFlags {
  /** As given; the latest one without it. */
  readonly number?: string;
  readonly list?: boolean;
  readonly drop?: boolean;
  readonly all?: boolean;
}

export const undo: Command<UndoFlags> = async (flags, context) => {
  const { number, list = false, drop = false, all = false } = flags;
  const fail = (what: string): BtmError => new BtmError("BAD_USAGE", `Cannot read the command line: ${what}`);
  if (list && (drop || number !== undefined)) throw fail("--list takes no number, and not --drop");
  if (all && !drop) throw fail("--all goes with --drop only");
  if (drop && all === (number !== undefined)) throw fail("--drop takes the number of an undo point, or --all");
  const btm = makeBtm(flags, context);
  if (list) return listPoints(btm, context);
  if (drop) return dropPoints(btm, context, flags, number ?? "all");
  const volume = escapeText(btm.cfg.volume);
  const result = await btm.undo(number, switchOptions(flags, context, volume, "Bring it back?"));
  context.output.result(rollbackJson(volumeJson(btm, context), result));
  return answerSwitch(context, volume, result);
};

async function listPoints(btm: Btm, context: Context): Promise<number> {
  const { output, signal } = context;
  const points = await btm.undoPoints({ measure: true, signal });
  output.result(undoListJson(volumeJson(btm, context), points));
  if (points.length === 0) {
    output.line(`No undo points of ${escapeText(btm.cfg.volume)}`);
    return 0;
  }
  output.table(
    ["UNDO", "MADE (UTC)", "FROM", "DOWN TO", "SNAPSHOTS", "SPACE", "PLACE"],
    points.map(({ number, at, from, to, snapshots, bytes, place }) => [
      String(number),
      timeText(at),
      from === undefined ? "-" : String(from),
      String(to),
      String(snapshots.length),
      bytes === undefined ? "-" : bytesText(bytes),
      escapeText(place),
    ]),
  );
  return 0;
}

async function dropPoints(btm: Btm, context: Context, flags: UndoFlags, which: string): Promise<number> {
  const { output, signal } = context;
  const { dryRun = false } = flags;
  const volume = escapeText(btm.cfg.volume);
  const show = ({ points, blockers, recovered }: DropResult, write: (line: string) => void): void => {
    noteRecovered(context, recovered);
    write(output.style("bold", `Plan: drop ${count(points.length, "undo point")} of ${volume}, for good`));
    for (const point of points) write(`  ${undoPointText(point)}: ${escapeText(point.place)}`);
    for (const { message, hint } of blockers) write(`  ${output.style("red", "in the way:")} ${message}. ${hint}`);
  };
  const confirm = confirmWith(flags, context, show, which === "all" ? "Drop them?" : "Drop it?");
  const result = await btm.dropUndo(which, { dryRun, signal, ...confirm });
  noteRecovered(context, result.recovered);
  output.result(dropJson(volumeJson(btm, context), result));
  if (dryRun) {
    show(result, (line) => {
      output.line(line);
    });
    return result.blockers.length > 0 ? exitStatusOf.BLOCKED : 0;
  }
  for (const warning of result.warnings) output.warn(warning);
  const numbers = result.points.map(({ number }) => String(number)).join(", ");
  output.line(numbers === "" ? `No undo points of ${volume}` : `Dropped undo point ${numbers} of ${volume}`);
  return 0;
}
