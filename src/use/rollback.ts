import { checkCallOptions } from "../call-options.ts";
import type { UndoPoint } from "../driver/driver.ts";
import { BtmError } from "../errors.ts";
import { type HeightInput, parseHeight } from "../height.ts";
import type { RollbackOptions, RollbackResult, SwitchOptions } from "../results.ts";
import { choiceWarnings } from "../rollback/choice-warnings.ts";
import { chooseTarget } from "../rollback/choose.ts";
import { quote } from "../text.ts";
import { switchTo } from "./switch.ts";
import { parseUndoNumber, undoPointOf } from "./undo-points.ts";
import { refuseHeld, type Use } from "./use.ts";

const SWITCH = {
  keepUndo: "any",
  force: "boolean",
  services: "any",
  preserve: "any",
  allowSignerRewind: "boolean",
  dryRun: "boolean",
  confirm: "function",
} as const;

export async function rollback(
  use: Use,
  height: HeightInput | undefined,
  options: RollbackOptions,
): Promise<RollbackResult> {
  const own = { strict: "boolean", discardNewer: "boolean", discardForeign: "boolean" } as const;
  checkCallOptions("rollback", options, { ...own, ...SWITCH });
  const { strict = false, discardNewer = false, discardForeign = false } = options;
  if (discardForeign && !discardNewer) {
    throw new BtmError("BAD_OPTION", "Cannot discard what btm did not make and keep what is newer", {
      hint: "--discard-foreign goes with --discard-newer only",
    });
  }
  const asked = height === undefined ? undefined : parseHeight(height);
  return switchTo(use, { ...options, discardNewer, discardForeign }, async (volume, snapshots) => {
    if (asked !== undefined && !snapshots.some((snapshot) => snapshot.height === asked)) {
      await refuseHeld(volume, asked, `Cannot roll back ${quote(volume.name)} to ${String(asked)}`);
    }
    const { target, choice } = chooseTarget(volume.name, snapshots, asked, strict);
    const points = choice === "nearest-below" ? await volume.undoPoints() : [];
    const warnings = choiceWarnings(target, snapshots, points, asked);
    return { goal: { kind: "snapshot", snapshot: target }, asked, choice, warnings };
  });
}

export async function undo(
  use: Use,
  number: bigint | number | string | undefined,
  options: SwitchOptions,
): Promise<RollbackResult> {
  checkCallOptions("undo", options, SWITCH);
  const asked = number === undefined ? undefined : parseUndoNumber(number);
  return switchTo(use, { ...options, discardNewer: false, discardForeign: false }, async (volume) => {
    const all = await volume.undoPoints();
    const point = asked === undefined ? latestOf(all) : undoPointOf(volume, all, asked, "bring back");
    if (point === undefined) {
      throw new BtmError("NO_SUCH_UNDO", `Cannot undo a rollback of ${quote(volume.name)}: it has no undo point`, {
        hint: "A rollback makes one; --discard-newer, undo --drop and a daemon that is short of space take it away",
      });
    }
    return {
      goal: { kind: "undo", point },
      asked: undefined,
      choice: asked === undefined ? "latest" : "exact",
      warnings: [],
    };
  });
}

/** The one made last; of those made in the same instant the one with the highest number. */
function latestOf(points: readonly UndoPoint[]): UndoPoint | undefined {
  return [...points].sort((a, b) => a.at.getTime() - b.at.getTime() || a.number - b.number).at(-1);
}
