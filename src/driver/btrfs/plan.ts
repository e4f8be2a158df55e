import { readFileSync } from "node:fs";
import { join } from "node:path";

import { entriesOf } from "../../sys/directory.ts";
import type { Blocker, RollbackPlan, Snapshot } from "../driver.ts";
import { Aside, nameTaken } from "./aside.ts";
import { loopBlockers, mountBlockers, nestedBlockers, processBlockers } from "./blockers.ts";
import { type Place, volumeRoot } from "./place.ts";
import { fstabWarnings } from "./fstab.ts";
import { asideName, LIVE, undoName } from "./names.ts";

/** What a rollback will do, and all that stands in its way. Changes nothing. */
export async function planRollback(
  place: Place,
  target: Snapshot,
  signal: AbortSignal | undefined,
): Promise<RollbackPlan> {
  const blockers: Blocker[] = [];
  const aside = await Aside.open(place.parent, place.base);
  let number = 1;
  try {
    // What recovery will undo first does not count.
    const journal = aside?.journal();
    const undone = journal?.live === place.uuid ? journal.undo : undefined;
    number = (await aside?.nextUndoNumber(undone)) ?? 1;
  } finally {
    aside?.close();
  }
  if (aside === undefined && (await entriesOf(place.parent, (name) => name === asideName(place.base))).length > 0) {
    const { message, hint = "" } = nameTaken(place.base);
    blockers.push({ kind: "name-taken", message, hint });
  }
  blockers.push(...nestedBlockers(place, place.base), ...nestedBlockers(place, target.name));
  blockers.push(...mountBlockers(place), ...loopBlockers(place), ...(await processBlockers(place, signal)));
  return {
    target,
    undo: { number, place: undoPlace(place, number) },
    destroyed: [],
    discarded: [],
    blockers,
    warnings: fstabWarnings(readFstab(), place.path, volumeRoot(place)),
  };
}

function readFstab(): string {
  try {
    return readFileSync("/etc/fstab", "utf8");
  } catch {
    // No fstab: nothing in it.
    return "";
  }
}

function undoPlace(place: Place, number: number): string {
  const name = join(asideName(place.base), undoName(number), LIVE);
  return place.parentPath === undefined
    ? `${name} beside the subvolume, below the top level of the file system`
    : join(place.parentPath, name);
}
