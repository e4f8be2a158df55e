import { fstatSync } from "node:fs";
import { setTimeout } from "node:timers/promises";

import { BtmError, throwIfAborted } from "../../errors.ts";
import { identityOf, isSameFile, withDirectory } from "../../sys/directory.ts";
import { close, openDirectoryAt, tryLock } from "../../sys/libc.ts";
import { commandOf, lockHolder, startOf } from "../../sys/processes.ts";
import { escapeText, quote } from "../../text.ts";
import type { Place } from "./locate.ts";

/**
 * Takes the lock of a volume: flock(2) on its root directory. It needs no file of its own, works on a full disk, dies
 * with its holder, and is the same through every mount and container that shows the volume.
 *
 * A rollback puts another directory in the place of the root, so after each success the name is looked at again: a lock on
 * what was moved aside is none.
 *
 * @returns the descriptor that holds the lock until it is closed
 */
export async function lockVolume(place: Place, timeoutMs: number, signal: AbortSignal | undefined): Promise<number> {
  const start = Date.now();
  for (;;) {
    throwIfAborted(signal);
    const fd = tryLockVolume(place);
    if (fd !== undefined) return fd;
    const waitedMs = Date.now() - start;
    if (waitedMs >= timeoutMs) throw await lockedError(place, waitedMs);
    await setTimeout(Math.min(POLL_MS, timeoutMs - waitedMs));
  }
}

/** Takes the lock if it is free. */
export function tryLockVolume(place: Place): number | undefined {
  const fd = openDirectoryAt(place.parent, place.base);
  if (tryLock(fd) && isSameFile(identityOf(fd), withDirectory(place.parent, place.base, identityOf))) return fd;
  close(fd);
  return undefined;
}

/** A blocking flock(2) cannot be called back by an AbortSignal, so it is asked again; nobody has to be quicker than this. */
const POLL_MS = 20;

async function lockedError(place: Place, waitedMs: number): Promise<BtmError> {
  const { dev, ino } = withDirectory(place.parent, place.base, (fd) => fstatSync(fd, { bigint: true }));
  const pid = await lockHolder(dev, ino);
  const start = pid === undefined ? undefined : await startOf(pid);
  const holder =
    pid === undefined
      ? "a process that cannot be seen from here"
      : `process ${String(pid)} (${escapeText(await commandOf(pid))})${start === undefined ? "" : `, started ${start.toISOString()}`}`;
  return new BtmError(
    "LOCKED",
    `Cannot change the volume ${quote(place.path)}: it is locked by ${holder}; waited ${String(waitedMs)} ms`,
    {
      hint: "Wait until it is done; the lock goes with its process, it is never stale",
      details: { pid, since: start?.toISOString(), waitedMs },
    },
  );
}
