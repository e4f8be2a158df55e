import type { BtmCfg } from "../cfg.ts";
import type { Capabilities, DestroyOutcome, Snapshot, StepObserver, Volume } from "../driver/driver.ts";
import { BtmError } from "../errors.ts";
import type { Height } from "../height.ts";
import type { Failure } from "../results.ts";
import type { Session } from "../session.ts";
import { quote } from "../text.ts";

/** What a use case has of the Btm that it belongs to. */
export interface Use {
  readonly cfg: BtmCfg;
  readonly onStep: StepObserver;
  readonly capabilities: () => Promise<Capabilities>;
  /** Opens the volume, hands it over, and closes it again. */
  readonly run: <T>(signal: AbortSignal | undefined, use: (session: Session) => Promise<T>) => Promise<T>;
}

export function isOurs(snapshot: Pick<Snapshot, "mark">): boolean {
  return snapshot.mark !== undefined;
}

/** Whether it stays, whatever a rule says. */
export function mustStay({ pinned, neededBy }: Pick<Snapshot, "pinned" | "neededBy">): boolean {
  return pinned || neededBy.length > 0;
}

type Identified = Pick<Snapshot, "uuid">;

export function sameSnapshots(a: readonly Identified[], b: readonly Identified[]): boolean {
  return a.length === b.length && a.every((snapshot, i) => snapshot.uuid === b[i]?.uuid);
}

export function failuresOf(outcomes: readonly DestroyOutcome[]): Failure[] {
  return outcomes.flatMap(({ snapshot, error }) => (error === undefined ? [] : [{ snapshot, error }]));
}

/** @throws BtmError NO_SUCH_SNAPSHOT */
export async function snapshotAt({ volume }: Session, height: Height, action: string): Promise<Snapshot> {
  const snapshot = (await volume.snapshots()).find((candidate) => candidate.height === height);
  if (snapshot !== undefined) return snapshot;
  const what = `Cannot ${action} ${String(height)} of ${quote(volume.name)}`;
  await refuseHeld(volume, height, what);
  throw new BtmError("NO_SUCH_SNAPSHOT", `${what}: there is no snapshot of that height`, {
    hint: "btm list shows those that there are",
  });
}

/**
 * For a height that is not in the list. One below it is not what was meant when an undo point has it: that would be left
 * behind, or even dropped.
 *
 * @param what could not be done: "Cannot pin 10 of ..."
 * @throws BtmError NO_SUCH_SNAPSHOT
 */
export async function refuseHeld(volume: Volume, height: Height, what: string): Promise<void> {
  const points = await volume.undoPoints();
  const holder = points.findLast(({ snapshots }) => snapshots.some((candidate) => candidate.height === height));
  if (holder === undefined) return;
  const number = String(holder.number);
  throw new BtmError("NO_SUCH_SNAPSHOT", `${what}: that snapshot is in undo point ${number}`, {
    hint: `btm undo ${number} brings it back, and the state that was live then; or name a height that btm list shows`,
    details: { asked: String(height), undo: holder.number },
  });
}
