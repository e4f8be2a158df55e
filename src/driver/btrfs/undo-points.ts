import { join } from "node:path";

import type { Height } from "../../height.ts";
import { entriesOf } from "../../sys/directory.ts";
import type { UndoPoint } from "../driver.ts";
import { Aside } from "./aside.ts";
import { asideName, LIVE, parseMovedName, undoName } from "./names.ts";
import type { Place } from "./place.ts";
import { findMoved } from "./snapshots.ts";
import type { Branch } from "./timeline.ts";

/** An undo point, and what it hangs on. */
export interface StoredUndoPoint extends UndoPoint {
  readonly fork: Branch["fork"];
}

/**
 * All undo points, ascending by number. Those that are being dropped are none any more, and one is none yet while an
 * interrupted rollback has not exchanged what it holds and what is live.
 */
export async function findUndoPoints(place: Place, aside: Aside): Promise<StoredUndoPoint[]> {
  const moved = await findMoved(place, aside);
  const journal = aside.journal();
  return (await aside.undoNumbers()).flatMap((number) => {
    const [record, live] = [aside.record(number), aside.live(number)];
    if (record === undefined || record.isDropped === true || live === undefined) return [];
    if (journal?.undo === number && live.uuid !== journal.live) return [];
    return [
      {
        number,
        place: undoPlace(place, number),
        at: new Date(record.at),
        from: record.from === null ? undefined : (BigInt(record.from) as Height),
        to: BigInt(record.to) as Height,
        fork: record.fork,
        snapshots: moved.get(number) ?? [],
        uuid: live.uuid,
        bytes: undefined,
      },
    ];
  });
}

/** The same when "<volume>.btm" is not open. */
export async function undoPointsOf(place: Place): Promise<StoredUndoPoint[]> {
  const aside = await Aside.open(place.parent, place.base);
  if (aside === undefined) return [];
  try {
    return await findUndoPoints(place, aside);
  } finally {
    aside.close();
  }
}

/**
 * The number of the next undo point. One whose directory somebody deleted by hand may have left snapshots behind: they are not
 * to be taken for those of a later one, so its number is not used again.
 *
 * @param except the number of a directory that does not count
 */
export async function nextUndoNumber(place: Place, aside: Aside, except: number | undefined): Promise<number> {
  const moved = await entriesOf(place.parent, (name) => parseMovedName(place.base, name) !== undefined);
  const left = moved.map(({ name }) => parseMovedName(place.base, name)?.undo ?? 0);
  return 1 + Math.max(0, ...new Set(left), ...(await aside.undoNumbers()).filter((number) => number !== except));
}

export function undoPlace(place: Place, number: number): string {
  const name = join(asideName(place.base), undoName(number), LIVE);
  return place.parentPath === undefined
    ? `${name} beside the subvolume, below the top level of the file system`
    : join(place.parentPath, name);
}
