import { closeSync, existsSync, mkdirSync, openSync, realpathSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

import { bindMount, coverFolder } from "../sys/isolation.ts";

/**
 * Where programs of one machine meet, whatever network they have. By the sockets below /run a second node would have
 * services start the live one; in the others it would take away what the first has there under the same name.
 */
const MEETING_PLACES = [
  { place: "/run", mode: "0755" },
  { place: "/tmp", mode: "1777" },
  { place: "/var/tmp", mode: "1777" },
  { place: "/dev/shm", mode: "1777" },
];

/**
 * Covers them by empty folders. What is to stay is shown in there where it was; one that is itself to stay is not covered.
 *
 * @param kept real paths
 * @returns those that are covered
 */
export function coverMeetingPlaces(kept: readonly string[]): string[] {
  const real = MEETING_PLACES.filter(({ place }) => existsSync(place)).map(({ place, mode }) => {
    return { place: realpathSync(place), mode };
  });
  const covered = real.filter(({ place }, i) => {
    const isTwice = real.some((other, k) => (k < i && other.place === place) || isBelow(place, other.place));
    return !isTwice && !kept.includes(place);
  });
  const shown = [...new Set(kept)]
    .filter((place) => covered.some((cover) => isBelow(place, cover.place)))
    // What contains another goes before it.
    .sort((a, b) => a.length - b.length)
    .map((place) => ({ place, isFolder: statSync(place).isDirectory(), fd: openSync(place, O_PATH) }));
  for (const { place, mode } of covered) coverFolder(place, mode);
  for (const { place, isFolder, fd } of shown) {
    mkdirSync(isFolder ? place : dirname(place), { recursive: true });
    if (!existsSync(place)) writeFileSync(place, "");
    bindMount(`/proc/self/fd/${String(fd)}`, place);
    closeSync(fd);
  }
  return covered.map(({ place }) => place);
}

export function isBelow(path: string, place: string): boolean {
  return path.startsWith(`${place}/`);
}

/** asm-generic/fcntl.h: of a socket or a device as well, and nothing happens to it. */
const O_PATH = 0o10_000_000;
