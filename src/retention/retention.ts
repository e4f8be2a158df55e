import { fade } from "./fade.ts";
import { fair } from "./fair.ts";

/**
 * What goes when there are more snapshots than cap: "fair" keeps the newest cap of them; "fade" keeps the whole history
 * reachable, with a density that falls with age.
 */
export type Algo = "fair" | "fade";

/** What a rule must know of a snapshot. */
export interface Candidate {
  readonly height: bigint;
  readonly pinned: boolean;
}

/** Why a snapshot stays or goes. */
export type Reason =
  /** stays: above the head, so of another timeline */
  | "above-head"
  /** stays: pinned; does not count towards cap */
  | "pinned"
  /** stays: the newest one at or below the head, or of all */
  | "newest"
  /** stays: there are no more than cap, or it is among the newest cap */
  | "within-cap"
  /** stays (fade): the far end of the history */
  | "oldest"
  /** stays (fade): its absence would hurt more than that of those removed */
  | "needed"
  /** goes (fair): older than the newest cap */
  | "too-old"
  /** goes (fade): its absence hurts least */
  | "least-missed";

export interface Decision<T extends Candidate> {
  readonly snapshot: T;
  readonly keep: boolean;
  readonly reason: Reason;
}

export interface RetentionOptions {
  /** The newest height seen. */
  readonly head: bigint;
  /** The most snapshots that stay, 1 to 65,536. Pinned ones and those above the head stay besides. */
  readonly cap: number;
}

/**
 * Decides which snapshots stay and which go, and says why. Pure: the same input gives the same decisions, in the order
 * of the input, whatever that order is. Applied to what it kept, it removes nothing.
 *
 * Never removed: the newest, pinned ones, and those above the head. Nothing is removed that need not be to reach cap.
 *
 * @example
 * decide("fair", [{ height: 0n, pinned: false }, { height: 10n, pinned: false }], { head: 10n, cap: 1 });
 * // [{ snapshot: { height: 0n, ... }, keep: false, reason: "too-old" }, { ..., keep: true, reason: "newest" }]
 */
export function decide<T extends Candidate>(
  algo: Algo,
  snapshots: readonly T[],
  options: RetentionOptions,
): Decision<T>[] {
  const { head, cap } = options;
  // Filled by hand: TypedArray.from takes the slow path of iterators, three times as slow for 65,536 snapshots.
  const ages = new Float64Array(snapshots.length);
  snapshots.forEach((snapshot, place) => {
    ages[place] = Number(head - snapshot.height);
  });
  const reasons = new Array<Reason | undefined>(snapshots.length);
  const line = lineUp(snapshots, head);
  const pinned = new Uint8Array(line.length);
  let unpinned = 0;
  line.forEach((place, i) => {
    if (snapshots[place]?.pinned === true) {
      pinned[i] = 1;
      reasons[place] = "pinned";
    } else unpinned++;
  });
  const excess = unpinned - cap;
  if (excess > 0) {
    const gone =
      algo === "fair"
        ? fair(pinned, excess)
        : fade(
            line.map((place) => ages[place] ?? 0),
            pinned,
            excess,
          );
    for (const i of gone) reasons[line[i] ?? 0] = algo === "fair" ? "too-old" : "least-missed";
  }
  const end = (i: number, reason: Reason): void => {
    const place = line.at(i);
    if (place !== undefined) reasons[place] ??= reason;
  };
  end(-1, "newest");
  if (excess > 0 && algo === "fade") end(0, "oldest");
  const rest: Reason = excess > 0 && algo === "fade" ? "needed" : "within-cap";
  return snapshots.map((snapshot, place) => {
    const reason = snapshot.height > head ? "above-head" : (reasons[place] ?? rest);
    return { snapshot, keep: reason !== "too-old" && reason !== "least-missed", reason };
  });
}

/** The places of the snapshots at or below the head, oldest first. By height: ages above 2^53 may be equal as doubles. */
function lineUp(snapshots: readonly Candidate[], head: bigint): Float64Array {
  const line = new Float64Array(snapshots.length);
  let length = 0;
  let isSorted = true;
  let last = -1n;
  for (const [place, { height }] of snapshots.entries()) {
    if (height > head) continue;
    isSorted &&= height >= last;
    last = height;
    line[length++] = place;
  }
  const reachable = line.subarray(0, length);
  const heightAt = (place: number): bigint => snapshots[place]?.height ?? 0n;
  return isSorted ? reachable : reachable.sort((a, b) => (heightAt(a) < heightAt(b) ? -1 : 1));
}
