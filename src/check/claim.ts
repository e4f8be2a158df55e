import { lstatSync } from "node:fs";
import { setTimeout } from "node:timers/promises";

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

/**
 * Of a clone that was made a moment ago: udev locks a new device for as long as it looks at it.
 *
 * @returns undefined when somebody else has it all that time
 */
export async function claimWithin(path: string, limitMs: number): Promise<Claim | undefined> {
  const start = performance.now();
  for (;;) {
    const claimed = claim(path);
    if (claimed !== undefined || performance.now() - start > limitMs) return claimed;
    await setTimeout(50);
  }
}
