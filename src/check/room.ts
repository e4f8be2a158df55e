import { existsSync, realpathSync, statSync } from "node:fs";

import { bindMount, bringUpLoopback, setMountReadOnly } from "../sys/isolation.ts";
import { isErrno } from "../sys/libc.ts";
import { readMounts } from "../sys/mounts.ts";
import { escapeText } from "../text.ts";
import type { Job } from "./job.ts";
import { coverMeetingPlaces, isBelow } from "./meeting-places.ts";

/** What programs write to wherever they are. */
const SHARED = ["/dev", "/proc"];

/**
 * Furnishes the namespaces that this process was started in: only the loopback device; the clone where the live files
 * are, so that a command with the usual paths runs on the clone and cannot harm what is live; nothing of where programs
 * meet; everything else but what is told read-only, for a second node must not write to the wallets, logs and signing
 * state of the first.
 *
 * @param shown what stays to be seen, read-only, wherever it is
 * @returns what the user should know
 */
export function furnish(
  { path, live, writable }: Pick<Job, "path" | "live" | "writable">,
  shown: readonly string[],
): string[] {
  bringUpLoopback();
  // Of process 1 others see where it stands, and all that is there.
  process.chdir("/");
  const isFolder = statSync(path).isDirectory();
  const [copies, lives] = [isFolder ? realPaths([path]) : [], realPaths(live === null ? [] : [live])];
  const open = realPaths([...SHARED, ...writable]);
  const livePlaces = lives.flatMap(placesOf);
  const covered = coverMeetingPlaces([...copies, ...lives, ...open, ...realPaths(shown)]);
  // What is to be writable must be a mount of its own.
  const mounted = readMounts().map(({ mountPoint }) => mountPoint);
  for (const place of open) if (!mounted.includes(place)) bindMount(place, place);
  for (const copy of copies) {
    bindMount(copy, copy);
    for (const place of livePlaces) if (existsSync(place)) bindMount(copy, place);
  }
  const spared = [...covered, ...mountsToSpare([...open, ...copies, ...lives])];
  if (!setMountReadOnly("/", true, { recursive: true })) {
    return ["this kernel (older than 5.12) cannot keep the command from writing elsewhere than to the clone"];
  }
  for (const place of spared) makeWritable(place);
  return writable
    .filter((place) => !existsSync(place))
    .map((place) => `${escapeText(place)}, which was to stay writable, does not exist`);
}

/** Of those that there are, as the kernel has them among its mounts: no links, no slash at the end. */
function realPaths(places: readonly string[]): string[] {
  return places.filter((place) => existsSync(place)).map((place) => realpathSync(place));
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
    .filter((at) => places.some((place) => at === place || isBelow(at, place)));
}
