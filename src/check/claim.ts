import { lstatSync } from "node:fs";

import { AT_FDCWD, close, openDevice, openDirectoryAt, tryLock } from "../sys/libc.ts";

/** That a check is at work on a clone: a lock of the kernel on it, which goes with the process that holds it. */
export interface Claim {
  release(): void;
}

/**
 * @param path of the clone; of a zvol its device
 * @returns undefined when somebody else has it
 */
export function claim(path: string): Claim | undefined {
  const fd = lstatSync(path).isDirectory() ? openDirectoryAt(AT_FDCWD, path) : openDevice(path, { forWriting: false });
  let isOurs = false;
  try {
    isOurs = tryLock(fd);
  } finally {
    if (!isOurs) close(fd);
  }
  if (!isOurs) return undefined;
  let isHeld = true;
  return {
    release: () => {
      if (isHeld) close(fd);
      isHeld = false;
    },
  };
}
