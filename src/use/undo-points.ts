import { checkCallOptions } from "../call-options.ts";
import type { UndoPoint, Volume } from "../driver/driver.ts";
import { BtmError, throwIfAborted } from "../errors.ts";
import { parseUnsigned, show } from "../height.ts";
import type { DropResult, PlannedOptions, UndoPointsOptions } from "../results.ts";
import { quote } from "../text.ts";
import { blocked } from "./blocked.ts";
import { lockedBlockers } from "./locked-blocker.ts";
import { sameSnapshots, type Use } from "./use.ts";

export async function undoPoints({ run }: Use, options: UndoPointsOptions): Promise<UndoPoint[]> {
  checkCallOptions("undoPoints", options, { measure: "boolean" });
  const { measure = false, signal } = options;
  return run(signal, ({ volume }) => volume.undoPoints({ measure }));
}

export async function dropUndo(
  { run }: Use,
  which: bigint | number | string,
  options: PlannedOptions<DropResult>,
): Promise<DropResult> {
  checkCallOptions("dropUndo", options, { dryRun: "boolean", confirm: "function" });
  const { dryRun = false, confirm, signal } = options;
  const number = which === "all" ? which : parseUndoNumber(which);
  // How much space it gives back is for the eyes of whoever decides; nobody has to wait for it under the lock.
  let isShown = dryRun || confirm !== undefined;
  const ask =
    confirm === undefined
      ? undefined
      : (plan: DropResult): Promise<boolean> => {
          isShown = false;
          return confirm(plan);
        };
  return run(signal, async (session) => {
    const makePlan = async (recovered: readonly string[] = session.recovered): Promise<DropResult> => {
      const { volume } = session;
      const all = await volume.undoPoints({ measure: isShown });
      const plan = await volume.planDrop(number === "all" ? all : [undoPointOf(volume, all, number, "drop")]);
      const { points, blockers } = plan;
      if (dryRun)
        return { points, blockers: [...blockers, ...(await lockedBlockers(volume))], warnings: [], recovered, dryRun };
      if (blockers.length === 0) return { points, blockers, warnings: [], recovered, dryRun };
      throw blocked(
        `drop ${points.length === 1 ? "an undo point" : "the undo points"} of ${quote(volume.name)}`,
        blockers,
      );
    };
    if (dryRun) return makePlan(await session.volume.pending());
    const isSame = (a: DropResult, b: DropResult): boolean => sameSnapshots(a.points, b.points);
    const plan = await session.agree(makePlan, isSame, ask);
    throwIfAborted(signal);
    const warnings = await session.volume.drop(plan);
    return { ...plan, warnings };
  });
}

/** @throws BtmError NO_SUCH_UNDO */
export function undoPointOf(volume: Volume, all: readonly UndoPoint[], number: number, action: string): UndoPoint {
  const found = all.find((point) => point.number === number);
  if (found !== undefined) return found;
  const numbers = all.map((point) => String(point.number)).join(", ");
  throw new BtmError(
    "NO_SUCH_UNDO",
    `Cannot ${action} undo point ${String(number)} of ${quote(volume.name)}: there is none of that number`,
    {
      hint: all.length === 0 ? "There are no undo points: a rollback makes one" : `There are: ${numbers}`,
    },
  );
}

/** @throws BtmError BAD_OPTION */
export function parseUndoNumber(input: unknown): number {
  const number = Number(parseUnsigned(input) ?? 0);
  if (number >= 1 && Number.isSafeInteger(number)) return number;
  throw new BtmError(
    "BAD_OPTION",
    `Cannot use ${show(input)} as the number of an undo point: expected a whole number from 1`,
    {
      hint: "btm undo --list shows them",
    },
  );
}
