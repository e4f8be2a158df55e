import type { ProcessUse } from "../sys/processes.ts";
import { escapeText, quote } from "../text.ts";
import type { Blocker } from "./driver.ts";

/** That a process has the volume in use. */
export function processBlocker({ pid, command, how, path, unit }: ProcessUse): Blocker {
  const who = `process ${String(pid)} (${escapeText(command)})${unit === undefined ? "" : ` of ${escapeText(unit)}`}`;
  return {
    kind: "process",
    message: `${who} has it in use: ${how} ${quote(path)}`,
    hint: "Stop the node first, or name its unit with --service; a shell inside the volume must leave it",
    unit,
  };
}
