import type { ProcessUse } from "../sys/processes.ts";
import { escapeText, quote } from "../text.ts";
import type { Blocker } from "./driver.ts";

/** That a process has the volume in use. */
export function processBlocker({ pid, command, how, path }: ProcessUse): Blocker {
  return {
    kind: "process",
    message: `process ${String(pid)} (${escapeText(command)}) has it in use: ${how} ${quote(path)}`,
    hint: "Stop the node first; a shell inside the volume must leave it",
  };
}
