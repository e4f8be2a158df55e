import * as v from "valibot";

import { BtmError } from "../../errors.ts";
import { getAttribute } from "../../sys/libc.ts";
import { parseStored } from "../mark.ts";
import { ATTRIBUTE } from "./names.ts";

/** The rollback under way, written before its first change and removed after its last: the disk is the journal. */
export interface Journal {
  readonly btm: 1;
  /** The number of the undo point it makes. */
  readonly undo: number;
  /** The height it goes to, decimal digits. */
  readonly height: string;
  /** The uuid of the snapshot that becomes live. */
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
}

const form = v.object({
  btm: v.literal(1),
  undo: v.number(),
  height: v.string(),
  target: v.string(),
  live: v.string(),
  isDefault: v.boolean(),
  stagedIn: v.exactOptional(v.string()),
});

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
