import type { Height } from "../../height.ts";

/** An undo point as a branch of the history of a volume. */
export interface Branch {
  readonly number: number;
  /** The uuid of the snapshot that it hangs on; undefined when that is not known. */
  readonly fork: string | undefined;
  /** The height that it hangs on. */
  readonly to: Height;
  readonly snapshots: readonly Leaf[];
}

export interface Leaf {
  readonly height: Height;
  readonly uuid: string;
}

/** What of an undo point becomes live: all its snapshots, or those up to the one that a later branch hangs on. */
export interface Return {
  readonly undo: number;
  readonly upTo?: { readonly height: Height; readonly uuid: string };
}

/** The way from an undo point back to the live timeline. */
export interface Path {
  /** The undo point itself first, then what it hangs on. */
  readonly returns: readonly Return[];
  /** Where it leaves the live timeline. */
  readonly fork: string | undefined;
  readonly to: Height;
}

/**
 * The whole history of an undo point that is not live already. It hangs on a snapshot that is live or belongs to another
 * undo point, which hangs on a snapshot in turn.
 *
 * @throws RangeError when there is no such undo point
 */
export function pathOf(branches: readonly Branch[], number: number): Path {
  const first = branches.find((branch) => branch.number === number);
  if (first === undefined) throw new RangeError(`There is no undo point ${String(number)}`);
  const returns: Return[] = [{ undo: number }];
  let { fork, to } = first;
  for (;;) {
    const next = branches.find((branch) => branch.snapshots.some(({ uuid }) => uuid === fork));
    const upTo = next?.snapshots.find(({ uuid }) => uuid === fork);
    // Records that lead in a circle are of nobody's making but a meddler's.
    if (next === undefined || upTo === undefined || returns.some(({ undo }) => undo === next.number)) break;
    returns.push({ undo: next.number, upTo: { height: upTo.height, uuid: upTo.uuid } });
    ({ fork, to } = next);
  }
  return { returns, fork, to };
}

/** What of an undo point is handed over when it is dropped. */
export interface HandOver {
  /** The undo point that gets it: of those that hang on this one, the one that hangs highest. */
  readonly heir: number;
  readonly upTo: Height;
}

/** Undefined when no other undo point hangs on it. */
export function handOver(branches: readonly Branch[], number: number): HandOver | undefined {
  const dropped = branches.find((branch) => branch.number === number);
  const hanging = branches.flatMap((branch) => {
    const at = branch.number === number ? undefined : dropped?.snapshots.find(({ uuid }) => uuid === branch.fork);
    return at === undefined ? [] : [{ heir: branch.number, upTo: at.height }];
  });
  return hanging.reduce<HandOver | undefined>(
    (highest, one) => (highest === undefined || one.upTo > highest.upTo ? one : highest),
    undefined,
  );
}

/** In which order several are dropped, so that as little as possible is handed over: first what hangs on another one. */
export function dropOrder(branches: readonly Branch[], numbers: readonly number[]): number[] {
  const left = new Set(numbers);
  const order: number[] = [];
  while (left.size > 0) {
    const rest = branches.filter((branch) => !order.includes(branch.number));
    const hangsOn = (branch: Branch, on: number): boolean =>
      rest.some(({ number, snapshots }) => number === on && snapshots.some(({ uuid }) => uuid === branch.fork));
    const isNeeded = (number: number): boolean =>
      rest.some((branch) => left.has(branch.number) && branch.number !== number && hangsOn(branch, number));
    const next = [...left].find((number) => !isNeeded(number)) ?? Math.min(...left);
    left.delete(next);
    order.push(next);
  }
  return order;
}
