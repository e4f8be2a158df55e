import type { BtmError } from "../errors.ts";
import { wholeUnitName } from "../rollback/unit-name.ts";
import { type Hold, HoldSession, type Held } from "./hold-session.ts";

export interface QuiesceOptions {
  readonly kind: Hold | "none";
  /** The systemd unit of the node: "node" or "node.service"; of no matter for "none". */
  readonly unit: string;
  /** The volume, by its `name`: what `btm recover` starts a stopped unit by. */
  readonly volume: string;
  /** How long the node may be held, in milliseconds from when that is asked for; {@link DEADLINE_MS} unless given. */
  readonly deadlineMs?: number;
  /** What makes the snapshot quicker and can be done while the node runs, such as writing out what is in memory. */
  readonly before?: () => Promise<void>;
  /** Why the node was not held, or not to the end, or does not start again. The snapshot is taken all the same. */
  readonly warn: (error: BtmError) => void;
}

export interface Quiesced<T> extends Held {
  /** What the work gave. */
  readonly result: T;
}

/** A frozen node must not be missed by its peers; a stopped one must have the time to write what it has in memory. */
const DEADLINE_MS: Readonly<Record<Hold, number>> = { freeze: 2000, stop: 10 * 60_000 };

/**
 * Holds a node while the work, a snapshot, is done, and lets it go whatever happens: to us as well (guard.ts). Never stands
 * in the way of the work: a node that cannot be held in time is let go, the work is done without, and `warn` is told.
 *
 * @param work told how the node is held as it begins
 * @throws what the work and `before` throw
 * @example
 * await withQuiesce({ kind: "freeze", unit: "litecoind", volume: "/data/chain", warn }, () => btm.snapshot(height));
 */
export async function withQuiesce<T>(
  options: QuiesceOptions,
  work: (quiesce: Hold | "none") => Promise<T>,
): Promise<Quiesced<T>> {
  const { kind, unit, volume, before, warn } = options;
  // First of all, for the guard's time begins when it is started.
  await before?.();
  if (kind === "none") return { result: await work("none"), quiesce: "none", heldMs: 0 };
  const { deadlineMs = DEADLINE_MS[kind] } = options;
  const session = await HoldSession.begin(kind, { unit, volume, warn, deadlineMs });
  try {
    const result = await work(session.now);
    return { result, ...(await session.release()) };
  } finally {
    await session.end();
  }
}

/** The unit that a name means, whole: two volumes of one node may name it differently. */
export function unitOf(given: string): string {
  return wholeUnitName(given);
}
