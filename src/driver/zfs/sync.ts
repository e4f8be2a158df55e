import { readFileSync } from "node:fs";

import { BtmError } from "../../errors.ts";
import type { CallOptions, ZfsCommand } from "./command.ts";
import { explainMount } from "./failure.ts";
import type { Place } from "./place.ts";

/**
 * Writes out what programs have written through memory mappings: unlike what went through write(2), it is in no snapshot
 * before (openzfs #16818). Of a zvol, and of a dataset that is mounted where we do not see it, all file systems are written
 * out: what lies between it and the files may be anything.
 *
 * By a command and not a system call: on a pool whose disk fails in that moment it waits inside the kernel for good, which a
 * thread of ours must not.
 */
export async function writeOut(zfs: ZfsCommand, { dataset, mount }: Place, call: CallOptions): Promise<void> {
  refuseSuspended(dataset, call.action);
  if (mount !== undefined) {
    const ended = await zfs.runOther("/bin/sync", ["-f", "--", mount.mountPoint], call);
    if (ended.status === 0) return;
    // Without the right to read the directory, which zfs allow does not give.
  }
  const ended = await zfs.runOther("/bin/sync", [], call);
  if (ended.status !== 0) throw explainMount(call.action, "sync", ended);
}

/** Asked first, for the answer that comes at once is the better one. */
function refuseSuspended(dataset: string, action: string): void {
  const pool = dataset.split("/")[0] ?? "";
  let state: string;
  try {
    state = readFileSync(`/proc/spl/kstat/zfs/${pool}/state`, "utf8").trim();
  } catch {
    // No such pool: the command will say so.
    return;
  }
  if (state !== "SUSPENDED") return;
  throw new BtmError("POOL_SUSPENDED", `Cannot ${action}: its pool is suspended after failures of its disks`, {
    hint: "zpool status says which; when they are back, zpool clear POOL",
  });
}
