import type { BtmCfg } from "../cfg.ts";
import type { Capabilities, DestroyOutcome, Snapshot, StepObserver } from "../driver/driver.ts";
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
  const points = await volume.undoPoints();
  const holder = points.findLast(({ snapshots }) => snapshots.some((candidate) => candidate.height === height));
  if (holder !== undefined) {
    const number = String(holder.number);
    throw new BtmError("NO_SUCH_SNAPSHOT", `${what}: that snapshot is in undo point ${number}`, {
      hint: `btm undo ${number} brings it back`,
    });
  }
  throw new BtmError("NO_SUCH_SNAPSHOT", `${what}: there is no snapshot of that height`, {
    hint: "btm list shows those that there are",
  });
}
