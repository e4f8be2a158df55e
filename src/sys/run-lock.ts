import { createHash } from "node:crypto";
import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { join } from "node:path";

import { makeRunFolder, RUN_FOLDER } from "./run-folder.ts";

/** Held by one process at a time, until it lets go or ends: the lock is the kernel's, so it is never stale. */
export interface RunLock {
  /** Of its file. */
  readonly device: bigint;
  readonly inode: bigint;
  /** Whether it is ours now. */
  readonly tryTake: () => boolean;
  readonly close: () => void;
}

/**
 * Opens the lock on something that has a name of any length.
 *
 * @param kind the beginning of the name of its file
 * @param what it is for: "hold a service one at a time"
 * @throws BtmError BLOCKED
 */
export async function openRunLock(kind: string, of: string, what: string): Promise<RunLock> {
  await makeRunFolder(what);
  const { tryLock } = await import("./libc.ts");
  const file = `${kind}-${createHash("sha256").update(of).digest("hex").slice(0, 32)}.lock`;
  const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;
  const O_CLOEXEC = 0o2_000_000;
  // Never taken away: who waits for a file that is gone would wait for another than who comes later.
  const fd = openSync(join(RUN_FOLDER, file), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600);
  const { dev, ino } = fstatSync(fd, { bigint: true });
  return {
    device: dev,
    inode: ino,
    tryTake: () => tryLock(fd),
    close: () => {
      closeSync(fd);
    },
  };
}
