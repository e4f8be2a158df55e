import type { Snapshot, UndoPoint } from "../driver/driver.ts";
import type { Verified } from "../record.ts";
import { bytesText, count, escapeText } from "../text.ts";

/** 2026-11-23 02:48:37, UTC. */
export function timeText(date: Date): string {
  return date.toISOString().slice(0, 19).replace("T", " ");
}

/** What is special about a snapshot, in a word or two; empty for one that btm took. */
export function kindText(snapshot: Snapshot): string {
  return listed([
    snapshot.mark === undefined ? "unmarked" : snapshot.mark.adopted === true ? "adopted" : "",
    pinText(snapshot),
    verifiedText(snapshot.record?.verified),
    ...neededTexts(snapshot),
  ]);
}

/** Why a snapshot stays although it is older. */
export function sparedText(snapshot: Snapshot): string {
  return listed([pinText(snapshot), ...neededTexts(snapshot)]);
}

function pinText({ pinned, note }: Snapshot): string {
  if (!pinned) return "";
  return note === undefined ? "pinned" : `pinned: ${escapeText(note)}`;
}

function neededTexts({ neededBy }: Snapshot): string[] {
  return neededBy.map((what) => `needed by ${escapeText(what)}`);
}

function listed(words: readonly string[]): string {
  return words.filter((word) => word !== "").join(", ");
}

function verifiedText(verified: Verified | undefined): string {
  if (verified === undefined) return "";
  const { outcome, height = "no height", at } = verified;
  const day = at.slice(0, 10);
  switch (outcome) {
    case "exact":
      return `verified on ${day}: stands at ${height}`;
    case "differs":
      return `verified on ${day}: not so, stands at ${height}`;
    case "failed":
      return verified.isCheck === true ? `checked on ${day}: no good` : `verified on ${day}: no good`;
    case "passed":
      return `checked on ${day}`;
  }
}

/** "undo point 1, made 2026-11-23 02:48:37 UTC, from 20 down to 10, with 1 snapshot". */
export function undoPointText({ number, at, from, to, snapshots, bytes }: UndoPoint): string {
  const span = from === undefined ? `at ${String(to)}` : `from ${String(from)} down to ${String(to)}`;
  const held = snapshots.length === 0 ? "" : `, with ${count(snapshots.length, "snapshot")}`;
  const space = bytes === undefined ? "" : `, ${bytesText(bytes)}`;
  return `undo point ${String(number)}, made ${timeText(at)} UTC, ${span}${held}${space}`;
}

/** "0, 10, 20", shortened in the middle when there are many. */
export function heightsText(heights: readonly bigint[]): string {
  return shortened(heights.map(String));
}

/** The same of names, which are escaped. */
export function namesText(names: readonly string[]): string {
  return shortened(names.map(escapeText));
}

function shortened(texts: readonly string[]): string {
  return texts.length <= 12 ? texts.join(", ") : `${texts.slice(0, 6).join(", ")}, ..., ${texts.slice(-5).join(", ")}`;
}
