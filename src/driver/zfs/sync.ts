import { readFileSync } from "node:fs";

import { BtmError } from "../../errors.ts";
import { close, isErrno, openDirectoryAt, AT_FDCWD, syncAll, syncFileSystem } from "../../sys/libc.ts";
import { CommandTimeout } from "../../sys/spawn.ts";
import { within } from "../../sys/within.ts";
import { devicesOf } from "../../sys/zvol.ts";
import { timedOut } from "./command.ts";
import type { Place } from "./place.ts";

/**
 * Writes out what programs have written through memory mappings: unlike what went through write(2), it is in no snapshot
 * before (openzfs #16818). What is mounted of a zvol has all its writes in memory first.
 */
export async function writeOut(place: Place, action: string, timeoutMs: number): Promise<void> {
  refuseSuspended(place.dataset, action);
  const done = await within(timeoutMs, syncMounts(mountPointsOf(place)));
  if (done !== undefined) return;
  throw timedOut(
    action,
    "writing out",
    new CommandTimeout(`no answer within ${String(timeoutMs / 1000)} s`, undefined),
  );
}

function mountPointsOf({ dataset, mount, mounts }: Place): string[] {
  if (mount !== undefined) return [mount.mountPoint];
  const devices = devicesOf((name) => name === dataset);
  return mounts.filter(({ source }) => devices.includes(source)).map(({ mountPoint }) => mountPoint);
}

async function syncMounts(mountPoints: readonly string[]): Promise<true> {
  for (const mountPoint of mountPoints) {
    let fd: number;
    try {
      fd = openDirectoryAt(AT_FDCWD, mountPoint);
    } catch (error) {
      // Without the right to read the directory, which zfs allow does not give.
      if (!isErrno(error, "EACCES", "EPERM")) throw error;
      await syncAll();
      continue;
    }
    try {
      await syncFileSystem(fd);
    } finally {
      close(fd);
    }
  }
  return true;
}

/** On a suspended pool a sync waits inside the kernel for good, and a process with such a thread cannot even exit. */
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
