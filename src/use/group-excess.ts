import type { BtmCfg } from "../cfg.ts";
import type { Snapshot } from "../driver/driver.ts";
import type { Height } from "../height.ts";
import { type Algo, type Candidate, decide } from "../retention/retention.ts";
import { isOurs, mustStay } from "./use.ts";

export interface ExcessOptions {
  /** What has just been, or is about to be, taken of all. */
  readonly taken?: Height | undefined;
  /** How many go of each at the most. */
  readonly atMost?: number;
}

/**
 * What goes of each volume of a group, ascending. Pure.
 *
 * How many go of a volume, and how many of those are heights that all have, is decided by the rule and by what it has
 * itself: what others have or lack costs it nothing. Which of the heights that all have is decided by these alone, so
 * that the same ones go of all. What one must keep all keep.
 */
export function excessOf(
  { algo, cap }: Pick<BtmCfg, "algo" | "cap">,
  seen: readonly (readonly Snapshot[])[],
  { taken, atMost = Infinity }: ExcessOptions = {},
): Snapshot[][] {
  const ours = seen.map((snapshots) => snapshots.filter(isOurs));
  const staying = new Set(
    ours
      .flat()
      .filter(mustStay)
      .map(({ height }) => height),
  );
  const owned = ours.map((snapshots) => {
    const heights = new Set(snapshots.map(({ height }) => height));
    if (taken !== undefined) heights.add(taken);
    return heights;
  });
  const goneOf = (heights: readonly Height[], most: number, leastLeft: number): Set<Height> => {
    const head = taken ?? heights.reduce((a, b) => (a > b ? a : b), 0n as Height);
    return goneOfLine(
      algo,
      heights.map((height) => ({ height, pinned: staying.has(height) })),
      { head, most, leastLeft },
    );
  };
  const [first, ...others] = owned;
  const shared = [...(first ?? [])].filter((height) => others.every((heights) => heights.has(height)));
  const isShared = new Set(shared);
  const sharedGone = new Map<number, Set<Height>>();
  return ours.map((snapshots, i) => {
    const gone = goneOf([...(owned[i] ?? [])], atMost, cap);
    const alone = new Set([...gone].filter((height) => !isShared.has(height)));
    const most = gone.size - alone.size;
    const together = sharedGone.get(most) ?? goneOf(shared, most, 0);
    sharedGone.set(most, together);
    return snapshots.filter(({ height }) => alone.has(height) || together.has(height));
  });
}

interface LineOptions {
  readonly head: Height;
  readonly most: number;
  /** That many stay of those that may go. */
  readonly leastLeft: number;
}

/** The first that the rule lets go of, so that what goes when fewer go is a part of what goes when more do. */
function goneOfLine(
  algo: Algo,
  line: readonly (Candidate & { readonly height: Height })[],
  { head, most, leastLeft }: LineOptions,
): Set<Height> {
  const free = line.filter(({ height, pinned }) => !pinned && height <= head);
  const cap = Math.max(leastLeft, free.length - most);
  // All that may go: the rule would keep one.
  const gone =
    cap === 0
      ? free
      : decide(algo, line, { head, cap })
          .filter(({ keep }) => !keep)
          .map(({ snapshot }) => snapshot);
  return new Set(gone.map(({ height }) => height));
}
