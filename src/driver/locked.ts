import { BtmError } from "../errors.ts";
import { commandOf, startOf } from "../sys/processes.ts";
import { escapeText, quote } from "../text.ts";

/** That another process has the lock of a volume, and which. */
export async function lockedError(volume: string, pid: number | undefined, waitedMs: number): Promise<BtmError> {
  const start = pid === undefined ? undefined : await startOf(pid);
  const holder =
    pid === undefined
      ? "a process that cannot be seen from here"
      : `process ${String(pid)} (${escapeText(await commandOf(pid))})${start === undefined ? "" : `, started ${start.toISOString()}`}`;
  return new BtmError(
    "LOCKED",
    `Cannot change the volume ${quote(volume)}: it is locked by ${holder}; waited ${String(waitedMs)} ms`,
    {
      hint: "Wait until it is done; the lock goes with its process, it is never stale",
      details: { pid, since: start?.toISOString(), waitedMs },
    },
  );
}
