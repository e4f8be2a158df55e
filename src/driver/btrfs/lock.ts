import { fstatSync } from "node:fs";
import { setTimeout } from "node:timers/promises";

import { type BtmError, throwIfAborted } from "../../errors.ts";
import { type FileIdentity, identityOf, isSameFile, withDirectory } from "../../sys/directory.ts";
import { close, openDirectoryAt, tryLock } from "../../sys/libc.ts";
import { lockHolder } from "../../sys/processes.ts";
import { lockedError } from "../locked.ts";
import type { Place } from "./place.ts";

/**
 * Takes the lock of a volume: flock(2) on its root directory. It needs no file of its own, works on a full disk, dies
 * with its holder, and is the same through every mount and container that shows the volume.
 *
 * A rollback puts another directory in the place of the root, so after each success the name is looked at again: a lock on
 * what was moved aside is none.
 */
export async function lockVolume(
  place: Place,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<VolumeLock> {
  const start = Date.now();
  for (;;) {
    throwIfAborted(signal);
    const lock = tryLockVolume(place);
    if (lock !== undefined) return lock;
    const waitedMs = Date.now() - start;
    if (waitedMs >= timeoutMs) throw await lockedByOther(place, waitedMs);
    await setTimeout(Math.min(POLL_MS, timeoutMs - waitedMs));
  }
}

/** Takes the lock if it is free. */
export function tryLockVolume(place: Place): VolumeLock | undefined {
  const lock = new VolumeLock();
  try {
    const isLocked = lock.extend(place.parent, place.base);
    if (isLocked && isSameFile(lock.latest(), withDirectory(place.parent, place.base, identityOf))) return lock;
  } catch (error) {
    lock.close();
    throw error;
  }
  lock.close();
  return undefined;
}

/** The lock of a volume, held until it is closed. */
export class VolumeLock {
  readonly #fds: number[] = [];

  /**
   * Locks another root, which is about to take the place of the volume's, so that nobody finds the name unlocked after an
   * exchange.
   *
   * @returns whether nobody else has it
   */
  extend(directory: number, path: string): boolean {
    const fd = openDirectoryAt(directory, path);
    this.#fds.push(fd);
    return tryLock(fd);
  }

  latest(): FileIdentity {
    return identityOf(this.#fds.at(-1) ?? -1);
  }

  close(): void {
    for (const fd of this.#fds.splice(0)) close(fd);
  }
}

/** A blocking flock(2) cannot be called back by an AbortSignal, so it is asked again; nobody has to be quicker than this. */
const POLL_MS = 20;

async function lockedByOther(place: Place, waitedMs: number): Promise<BtmError> {
  const { dev, ino } = withDirectory(place.parent, place.base, (fd) => fstatSync(fd, { bigint: true }));
  return lockedError(place.path, await lockHolder(dev, ino), waitedMs);
}
