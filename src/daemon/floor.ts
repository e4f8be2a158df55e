/** What is known of a file system and of what btm keeps on it. */
export interface Space {
  /** Bytes that can be written, and that must stay so. */
  readonly free: bigint;
  readonly wanted: bigint;
  readonly snapshots: number;
  readonly minKeep: number;
  readonly undoPoints: number;
  /** Whether no snapshots are taken just now. */
  readonly isPaused: boolean;
  /** How many snapshots a step had to leave: those are pinned or needed. Undefined while more may go. */
  readonly leastLeft: number | undefined;
}

export interface FloorStep {
  /** Snapshots may stay that many; undefined to prune none. */
  readonly pruneTo: number | undefined;
  /** When space is pressing, also in the step that prunes. */
  readonly dropUndo: boolean;
  /** Whether snapshots are taken from now on. */
  readonly isPaused: boolean;
}

/** A step destroys no more: each costs the disk time that the node wants. */
export const MAX_DELETIONS = 10;

/**
 * What to do when space is short: first fewer snapshots, then no undo points, at last no new snapshots. Pure.
 *
 * When half the floor is gone, the node's next write matters more than its disk time: taking stops, everything down to
 * min_keep goes in one step, and an undo point with it. Space comes back some time after what held it is destroyed; so
 * taking begins again with a tenth more than the floor, lest it go on and off.
 */
export function stepAtFloor(space: Space): FloorStep {
  const { free, wanted, snapshots, minKeep, undoPoints, isPaused, leastLeft } = space;
  if (free >= wanted) {
    const isEnough = free * 10n >= wanted * 11n;
    return { pruneTo: undefined, dropUndo: false, isPaused: isPaused && !isEnough };
  }
  const isUrgent = isPressing(free, wanted);
  const canPrune = snapshots > Math.max(minKeep, leastLeft ?? 0);
  // Those that were taken since go as well, but it was not enough: a chain that goes on must not keep it from the next.
  const isSpent = !canPrune || leastLeft !== undefined;
  const lowest = isUrgent ? minKeep : Math.max(minKeep, snapshots - MAX_DELETIONS);
  const pruneTo = canPrune ? lowest : undefined;
  const dropUndo = undoPoints > 0 && (isUrgent || isSpent);
  return { pruneTo, dropUndo, isPaused: isPaused || isUrgent || (isSpent && !dropUndo) };
}

/** Whether so little is left that no more snapshots may be taken, whatever is being removed. */
export function isPressing(free: bigint, wanted: bigint): boolean {
  return free * 2n < wanted;
}

/** Between two steps while space is short. */
export const STEP_MS = 1000;
/** The same when it is pressing: a disk of 20 MB/s with a floor of 30 MB is full in less than a second from there. */
const PRESSING_MS = 100;
/** Between two looks while there is plenty. */
const SLOW_MS = 10_000;

interface Seen {
  readonly at: number;
  readonly free: bigint;
}

/** How long to wait from one step to the next. */
export function stepMs(free: bigint, wanted: bigint): number {
  return isPressing(free, wanted) ? PRESSING_MS : STEP_MS;
}

/** When to look again: before the floor is reached if it goes on as since the look before. Pure. */
export function lookAgainMs(before: Seen | undefined, seen: Seen | undefined, wanted: bigint): number {
  if (seen === undefined) return SLOW_MS;
  if (seen.free < wanted) return stepMs(seen.free, wanted);
  if (before === undefined || seen.at <= before.at || seen.free >= before.free) return SLOW_MS;
  const perMs = Number(before.free - seen.free) / (seen.at - before.at);
  return Math.min(SLOW_MS, Math.max(STEP_MS, Number(seen.free - wanted) / perMs / 2));
}
