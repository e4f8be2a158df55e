import * as v from "valibot";

import { BtmError } from "../../errors.ts";
import { getAttribute } from "../../sys/libc.ts";
import { parseStored } from "../../stored.ts";
import { ATTRIBUTE, LIVE, undoName } from "./names.ts";

const digits = v.pipe(v.string(), v.regex(/^(0|[1-9]\d{0,19})$/));

const form = v.object({
  btm: v.literal(1),
  undo: v.number(),
  height: digits,
  target: v.string(),
  live: v.string(),
  isDefault: v.boolean(),
  stagedIn: v.exactOptional(v.string()),
  keepsNewer: v.exactOptional(v.boolean()),
  returns: v.exactOptional(
    v.array(v.object({ undo: v.number(), upTo: v.exactOptional(v.object({ height: digits, uuid: v.string() })) })),
  ),
  isMovedOut: v.exactOptional(v.boolean()),
  discards: v.exactOptional(v.boolean()),
});

/** The rollback under way, written before its first change and removed after its last: the disk is the journal. */
export interface Journal {
  readonly btm: 1;
  /** The number of the undo point it makes. */
  readonly undo: number;
  /** The height it goes to, or at which the timelines part, decimal digits. */
  readonly height: string;
  /** The uuid of what becomes live: of a snapshot, or of the live state of an undo point. */
  readonly target: string;
  /** The uuid of what was live. */
  readonly live: string;
  /** Whether what was live is the default subvolume of the file system. */
  readonly isDefault: boolean;
  /**
   * Written right before the exchange: the transaction that last changed what was staged, decimal digits. When it is
   * another by the time of an undo, someone has written to it since, and it is not destroyed.
   */
  readonly stagedIn?: string;
  /** The newer snapshots go into the undo point; btm 0.1.0, which did not write this, left them where they were. */
  readonly keepsNewer?: boolean;
  /** What comes back, the undo point that becomes live first, and up to which height of each other. */
  readonly returns?: readonly StoredReturn[];
  /** The newer snapshots are in the undo point by now: those that come back have the same heights, perhaps. */
  readonly isMovedOut?: boolean;
  /** The undo point is dropped at last. */
  readonly discards?: boolean;
}

export interface StoredReturn {
  readonly undo: number;
  readonly upTo?: { readonly height: string; readonly uuid: string };
}

/**
 * The journal on an open "<volume>.btm"; undefined when no rollback is under way.
 *
 * @throws BtmError BLOCKED when there is one that this version cannot read: going on would overwrite it
 */
export function journalOf(aside: number): Journal | undefined {
  const text = getAttribute(aside, ATTRIBUTE.journal);
  if (text === undefined) return undefined;
  const journal = parseStored(form, text);
  if (journal !== undefined) return journal;
  throw new BtmError(
    "BLOCKED",
    "Cannot read the journal of an interrupted rollback: it is not of this version of btm",
    {
      hint: "Run the version of btm that began the rollback, or a newer one",
    },
  );
}

/** The path, below "<volume>.btm", of what is staged, and of what was live after the exchange. */
export function stagedPath(journal: Journal): string {
  return `${undoName(journal.undo)}/${LIVE}`;
}

/** What was under way, as the user knows it. */
export function nameOf({ height, returns }: Journal): string {
  const undone = returns?.[0]?.undo;
  return undone === undefined ? `rollback to ${height}` : `undo (undo point ${String(undone)})`;
}
