import { BtmError, throwIfAborted } from "../../errors.ts";
import { destroySubvolume } from "../../sys/btrfs.ts";
import { isErrno, SystemCallError } from "../../sys/libc.ts";
import { quote } from "../../text.ts";
import type { DestroyOutcome, Snapshot } from "../driver.ts";
import { Aside } from "./aside.ts";
import { explain } from "./failure.ts";
import { defaultSubvolume } from "./mounted.ts";
import type { Place } from "./place.ts";
import { look } from "./snapshots.ts";
import type { Step } from "./step.ts";

/** Destroys marked, unpinned snapshots, of the volume or of an undo point, each looked at again. */
export async function destroySnapshots(
  place: Place,
  snapshots: readonly Snapshot[],
  step: Step,
  signal?: AbortSignal,
): Promise<DestroyOutcome[]> {
  if (snapshots.length === 0) return [];
  const outcomes = new Array<DestroyOutcome>(snapshots.length);
  const pins = await Aside.open(place.parent, place.base);
  const rest = snapshots.entries();
  const lane = async (): Promise<void> => {
    for (const [i, snapshot] of rest) {
      throwIfAborted(signal);
      try {
        await destroyOne(place, snapshot, pins, step);
        outcomes[i] = { snapshot };
      } catch (error) {
        outcomes[i] = { snapshot, error: explain(`destroy the snapshot ${quote(snapshot.name)}`, error) };
      }
    }
  };
  try {
    // The kernel destroys one at a time; with two under way it need not wait for us in between (measured: a third less).
    const lanes = await Promise.allSettled([lane(), lane()]);
    for (const ended of lanes) if (ended.status === "rejected") throw ended.reason;
    return outcomes;
  } finally {
    pins?.close();
  }
}

async function destroyOne(place: Place, snapshot: Snapshot, pins: Aside | undefined, step: Step): Promise<void> {
  const id = lookAgain(place, snapshot, pins);
  // Gone already: what was wanted.
  if (id === undefined) return;
  try {
    await step("destroy", () => destroySubvolume(place.parent, id));
    await forget(snapshot, pins);
  } catch (error) {
    if (!isErrno(error, "EPERM") || (await defaultSubvolume(place)) !== id) throw error;
    throw new BtmError(
      "BLOCKED",
      `Cannot destroy ${quote(snapshot.name)}: it is the default subvolume of its file system`,
      {
        hint: "Make another one the default with btrfs subvolume set-default",
        cause: error,
      },
    );
  }
}

/** It is gone: what cannot be forgotten of it is no failure of that. */
async function forget({ uuid }: Snapshot, aside: Aside | undefined): Promise<void> {
  try {
    await aside?.forgetLearnt(uuid);
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
  }
}

/** The id of the subvolume, if it still is the unpinned snapshot with our mark that it was; undefined when it is gone. */
function lookAgain(place: Place, snapshot: Snapshot, pins: Aside | undefined): bigint | undefined {
  const now = look(place, snapshot.name);
  if (now === undefined) return undefined;
  const isPinned = pins?.pin(snapshot.height, snapshot.uuid) !== undefined;
  if (now.snapshot.uuid === snapshot.uuid && now.snapshot.mark !== undefined && !isPinned) return now.id;
  const what = "it no longer is the unpinned snapshot with our mark that it was";
  throw new BtmError("PLAN_CHANGED", `Cannot destroy ${quote(snapshot.name)}: ${what}`, {
    hint: "Someone changed or replaced it: look at it with btm list",
  });
}
