import { BtmError } from "../../errors.ts";
import { quote } from "../../text.ts";
import type { RollbackPlan } from "../driver.ts";
import type { ZfsCommand } from "./command.ts";
import type { Journal } from "./journal.ts";
import { lookAround, mountAgain, unmountVolume } from "./mount.ts";
import { PROPERTY } from "./names.ts";
import { mountAt, type Place } from "./place.ts";
import { type Expected, runRollback } from "./rollback-program.ts";
import type { Step } from "./step.ts";

/** What a rollback works with. */
export interface Work {
  readonly place: Place;
  readonly zfs: ZfsCommand;
  /** The lock of the volume. */
  readonly lock: number;
  readonly step: Step;
}

/**
 * Rolls the dataset back in place. What is newer and the rollback itself are one transaction, so that there is either all
 * of it or nothing; around it the dataset is unmounted, for pages of files mapped before would go on being served
 * (openzfs #11482), and a journal says how to mount it again.
 *
 * @returns what the user should know
 */
export async function rollback(work: Work, plan: RollbackPlan, guid: string): Promise<string[]> {
  const { place, zfs, lock, step } = work;
  const { dataset, mount } = place;
  const action = `roll back ${quote(dataset)} to ${String(plan.target.height)}`;
  mustBeRoot(action);
  const { bookmarks, way } = await lookAround(zfs, place, action);
  const doomed = plan.discarded.filter((foreign) => foreign.kind === "bookmark");
  const switchOver = async (journal: Journal | undefined): Promise<void> => {
    const expected: Expected = {
      dataset,
      target: plan.target,
      newer: [...plan.destroyed, ...plan.discarded.filter((foreign) => foreign.kind === "snapshot")],
      bookmarks,
      journal: journal && { property: PROPERTY.journal, value: JSON.stringify({ ...journal, done: true }) },
    };
    // A channel program cannot destroy bookmarks.
    if (doomed.length > 0) await runRollback(zfs, "check", expected, { action, lock });
    for (const { name } of doomed) {
      await step("destroy bookmark", () => zfs.change(["destroy", name], { action, lock }));
    }
    await step("roll back", () => runRollback(zfs, "roll back", expected, { action, lock }));
  };
  // Nothing to unmount, and so nothing to take up again after a kill.
  if (mount === undefined) {
    await switchOver(undefined);
    return [];
  }
  const journal: Journal = {
    btm: 1,
    dataset: guid,
    height: String(plan.target.height),
    mountPoint: mount.mountPoint,
    options: mount.options,
    way,
    done: false,
  };
  await writeJournal(work, journal, action);
  try {
    await step("unmount", () => unmountVolume(zfs, place, mount.mountPoint, { action, lock }));
    await switchOver(journal);
  } catch (error) {
    // The first failure is the one to tell; what cannot be undone now is left to the next recovery.
    await restore(work, journal, action).catch(() => undefined);
    throw error;
  }
  try {
    return await restore(work, journal, action);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const what = `${quote(dataset)} is rolled back to ${journal.height}, but something remains to be done`;
    throw new BtmError("PARTLY_DONE", `${what}, which the next btm command that changes it does: ${why}`, {
      hint: "Mend what the message says, run such a command, and look at the volume before the node is started",
      cause: error,
    });
  }
}

/** What recovery will do, in words. */
export function describeRecovery({ height, done }: Journal): string {
  const verb = done ? "finish" : "undo";
  return `Would first ${verb} the interrupted rollback to ${height}`;
}

/** Mounts what an interrupted rollback left unmounted; says what became of it. */
export async function recover(work: Work, journal: Journal): Promise<string[]> {
  const { height, done } = journal;
  const warnings = await restore(work, journal, `finish the interrupted rollback to ${height}`);
  const what = done
    ? `Finished the interrupted rollback to ${height}`
    : `Undid the interrupted rollback to ${height}: the live state is as it was`;
  return [what, ...warnings];
}

/** Mounts the volume where it was, unless it is, and forgets the journal. */
async function restore({ place, zfs, lock, step }: Work, journal: Journal, action: string): Promise<string[]> {
  const { dataset } = place;
  const isMounted = mountAt(dataset, journal.mountPoint) !== undefined;
  const call = { action, lock };
  const warnings = isMounted ? [] : await step("mount", () => mountAgain(zfs, dataset, journal, call));
  await step("clear journal", () => zfs.change(["inherit", PROPERTY.journal, dataset], call));
  return warnings;
}

async function writeJournal({ place, zfs, lock, step }: Work, journal: Journal, action: string): Promise<void> {
  const value = `${PROPERTY.journal}=${JSON.stringify(journal)}`;
  await step("write journal", () => zfs.change(["set", value, place.dataset], { action, lock }));
}

/** Mounting needs it on Linux whatever zfs allow says (zfs-allow(8)), and so does a channel program. */
function mustBeRoot(action: string): void {
  if (process.geteuid?.() === 0) return;
  throw new BtmError("PERMISSION_DENIED", `Cannot ${action}: only root may unmount and mount it`, {
    hint: "Run it as root",
  });
}
