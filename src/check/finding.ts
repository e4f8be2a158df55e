import { escapeText, quote } from "../text.ts";
import type { Answer } from "./job.ts";
import type { Finding } from "./search.ts";

/**
 * What the end of a command says, by the conventions of git-bisect(1): 0 is good, 125 that it cannot tell, 1 to 127 bad;
 * anything else ends the search, and so do 126 and 127, by which shells tell that they could not start something.
 *
 * @returns of what ends the search, why
 */
export function findingOf(answer: Answer): { readonly finding: Finding } | { readonly why: string } {
  if (answer.kind !== "ended" || answer.status === null) return { why: whyOf(answer) };
  const { status } = answer;
  if (status === 0) return { finding: "good" };
  if (status === 125) return { finding: "skip" };
  return status < 126 ? { finding: "bad" } : { why: whyOf(answer) };
}

/** Why a command did not come to what was expected of it, in words. */
export function whyOf(answer: Answer): string {
  switch (answer.kind) {
    case "ended": {
      const { status, signal } = answer;
      const how = status === null ? `was ended by signal ${String(signal)}` : `ended with status ${String(status)}`;
      return `it ${how}${saidText(answer.said)}`;
    }
    case "silent": {
      const what = answer.why === null ? "it did not end" : "it did not answer";
      const last = answer.why === null ? "" : `: ${escapeText(answer.why)}`;
      return `${what} within ${String(Math.round(answer.seconds))} s${last}${saidText(answer.said)}`;
    }
    case "not-started":
    case "no-room":
      return `it could not be started: ${answer.why}`;
    case "answered":
      return `it stands at ${answer.height}`;
  }
}

/** The last lines of what a program printed, as they are; errors come last. */
export function lastLines(answer: Answer, count: number): string[] {
  return "said" in answer ? linesOf(answer.said).slice(-count) : [];
}

function linesOf(said: string): string[] {
  return said.split(/[\r\n]+/).filter((line) => line.trim() !== "");
}

/** For a message: what a program printed last. */
export function saidText(said: string): string {
  const lines = linesOf(said);
  if (lines.length === 0) return ", and printed nothing";
  return `; the last that it printed: ${quote(lines.slice(-3).join(" | ").slice(-300))}`;
}
