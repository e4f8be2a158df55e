import { existsSync, statSync } from "node:fs";

import { bindMount, bringUpLoopback, coverFolder, setMountReadOnly } from "../sys/isolation.ts";
import { isErrno } from "../sys/libc.ts";
import { readMounts } from "../sys/mounts.ts";
import { escapeText } from "../text.ts";
import type { Job } from "./job.ts";

/** What programs write to wherever they are. */
const SHARED = ["/tmp", "/var/tmp", "/dev", "/proc"];
/** Through its socket a node would ask for snapshots of the live volume. */
const DAEMON_FOLDER = "/run/btm";

/**
 * Furnishes the namespaces that this process was started in: only the loopback device; the clone where the live files
 * are, so that a command with the usual paths runs on the clone and cannot harm what is live; everything else but what
 * is told read-only, for a second node must not write to the wallets, logs and signing state of the first.
 *
 * @returns what the user should know
 */
export function furnish({ path, live, writable }: Pick<Job, "path" | "live" | "writable">): string[] {
  bringUpLoopback();
  const open = [...SHARED, ...writable].filter((place) => existsSync(place));
  // What is to be writable must be a mount of its own.
  for (const place of open) if (!readMounts().some(({ mountPoint }) => mountPoint === place)) bindMount(place, place);
  const isFolder = statSync(path).isDirectory();
  if (isFolder) {
    bindMount(path, path);
    if (live !== null) for (const place of placesOf(live)) bindMount(path, place);
  }
  if (existsSync(DAEMON_FOLDER)) coverFolder(DAEMON_FOLDER);
  const spared = mountsToSpare([...open, ...(isFolder ? [path] : []), ...(live === null ? [] : [live])]);
  if (!setMountReadOnly("/", true, { recursive: true })) {
    return ["this kernel (older than 5.12) cannot keep the command from writing elsewhere than to the clone"];
  }
  for (const place of spared) makeWritable(place);
  return writable
    .filter((place) => !existsSync(place))
    .map((place) => `${escapeText(place)}, which was to stay writable, does not exist`);
}

function makeWritable(place: string): void {
  try {
    setMountReadOnly(place, false, { recursive: false });
  } catch (error) {
    // Another mount covers it: nobody gets there.
    if (!isErrno(error, "EINVAL", "ENOENT")) throw error;
  }
}

/** The live root, and wherever else a mount shows the whole of it. */
function placesOf(live: string): string[] {
  const own = statSync(live, { bigint: true });
  const others = readMounts().flatMap(({ mountPoint }) => {
    const there = statSync(mountPoint, { bigint: true, throwIfNoEntry: false });
    return there?.dev === own.dev && there.ino === own.ino && mountPoint !== live ? [mountPoint] : [];
  });
  return [live, ...others];
}

/** The mounts at or below the places that can be written to now. */
function mountsToSpare(places: readonly string[]): string[] {
  return readMounts()
    .filter(({ options }) => options.includes("rw"))
    .map(({ mountPoint }) => mountPoint)
    .filter((at) => places.some((place) => at === place || at.startsWith(`${place}/`)));
}
