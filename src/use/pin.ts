import { checkCallOptions } from "../call-options.ts";
import { BtmError } from "../errors.ts";
import { type HeightInput, parseHeight, show } from "../height.ts";
import type { CallOptions, PinOptions, PinResult } from "../results.ts";
import { escapeText } from "../text.ts";
import { snapshotAt, type Use } from "./use.ts";

export async function pin({ run }: Use, height: HeightInput, options: PinOptions): Promise<PinResult> {
  checkCallOptions("pin", options, { note: "any" });
  const at = parseHeight(height);
  const note = checkNote(options.note);
  return run(options.signal, async (session) => {
    await session.lock();
    const snapshot = await snapshotAt(session, at, "pin");
    // Pinned again without one it keeps what somebody wrote.
    const kept = note ?? snapshot.note;
    await session.volume.pin(snapshot, kept);
    return { snapshot: { ...snapshot, pinned: true, note: kept }, recovered: session.recovered };
  });
}

export async function unpin({ run }: Use, height: HeightInput, options: CallOptions): Promise<PinResult> {
  checkCallOptions("unpin", options, {});
  const at = parseHeight(height);
  return run(options.signal, async (session) => {
    await session.lock();
    const snapshot = await snapshotAt(session, at, "unpin");
    await session.volume.unpin(snapshot);
    return { snapshot: { ...snapshot, pinned: false, note: undefined }, recovered: session.recovered };
  });
}

/** A note is shown in tables and kept in a property of ZFS, so it is one short line. */
function checkNote(note: unknown): string | undefined {
  if (note === undefined) return undefined;
  const isLine = typeof note === "string" && note.trim() === note && note !== "" && escapeText(note) === note;
  if (isLine && Array.from(note).length <= MAX_NOTE) return note;
  throw new BtmError(
    "BAD_NOTE",
    `Cannot use the note ${show(note)}: expected one line of 1 to ${String(MAX_NOTE)} characters`,
    {
      hint: "Give it without control characters, and without blanks at its ends",
    },
  );
}

const MAX_NOTE = 200;
