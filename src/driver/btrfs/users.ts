import { fstatSync } from "node:fs";

import { BtmError } from "../../errors.ts";
import { SUBVOLUME_INODE } from "../../sys/btrfs.ts";
import { withDirectory } from "../../sys/directory.ts";
import { processesOn, type ProcessUse } from "../../sys/processes.ts";
import type { Blocker } from "../driver.ts";
import { mountOf, type Place } from "./place.ts";

/** The processes that have a subvolume beside the volume open. */
export function usersOf(place: Place, directory: number, path: string): Promise<ProcessUse[]> {
  return usersOfAll(place, directory, [path]);
}

/** The same of several: one look at all processes. */
export function usersOfAll(place: Place, directory: number, paths: readonly string[]): Promise<ProcessUse[]> {
  const devices = paths.map((path) => withDirectory(directory, path, (fd) => fstatSync(fd, { bigint: true }).dev));
  return processesOn(new Set(devices), {
    ownExcept: SUBVOLUME_INODE,
    fileSystem: mountOf(place)?.device,
    signal: undefined,
  });
}

export function inUse(action: string, users: readonly Blocker[]): BtmError {
  return new BtmError("BLOCKED", `Cannot ${action}: ${users.map((user) => user.message).join("; ")}`, {
    hint: "Stop what uses it, then run the command again",
    details: { blockers: users },
  });
}
