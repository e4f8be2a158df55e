import type { Snapshot, UndoPoint } from "../driver/driver.ts";

/**
 * What a user should know of the snapshot that a rollback goes to, which is no reason to refuse it.
 *
 * @param snapshots all that are in the list, the lowest first
 * @param asked undefined when none was named
 */
export function choiceWarnings(
  target: Snapshot,
  snapshots: readonly Snapshot[],
  points: readonly UndoPoint[],
  asked: bigint | undefined,
): string[] {
  return [...noGood(target, snapshots), ...nearer(target, points, asked)];
}

function noGood({ height, record }: Snapshot, snapshots: readonly Snapshot[]): string[] {
  const { verified } = record ?? {};
  if (verified === undefined || (verified.outcome !== "differs" && verified.outcome !== "failed")) return [];
  const good = snapshots.findLast((one) => one.height < height && isGood(one));
  const better = good === undefined ? "" : `; ${String(good.height)}, below it, was found good`;
  return [`${String(height)} was found no good to start from on ${verified.at.slice(0, 10)}${better}`];
}

function isGood({ record }: Snapshot): boolean {
  const outcome = record?.verified?.outcome;
  return outcome === "exact" || outcome === "passed";
}

function nearer({ height }: Snapshot, points: readonly UndoPoint[], asked: bigint | undefined): string[] {
  if (asked === undefined || asked === height) return [];
  return points.flatMap(({ number, snapshots }) => {
    const held = snapshots.findLast((one) => one.height > height && one.height <= asked);
    if (held === undefined) return [];
    const undo = `btm undo ${String(number)} brings that back`;
    return [`undo point ${String(number)} holds ${String(held.height)}, which is nearer to ${String(asked)}: ${undo}`];
  });
}
