import type { Snapshot } from "../driver/driver.ts";
import { escapeText } from "../text.ts";

/** 2026-11-23 02:48:37, UTC. */
export function timeText(date: Date): string {
  return date.toISOString().slice(0, 19).replace("T", " ");
}

/** What is special about a snapshot, in a word or two; empty for one that btm took. */
export function kindText(snapshot: Snapshot): string {
  const words = [
    snapshot.mark === undefined ? "unmarked" : snapshot.mark.adopted === true ? "adopted" : "",
    snapshot.pinned ? "pinned" : "",
  ];
  return words.filter((word) => word !== "").join(", ");
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
