import { createHash } from "node:crypto";
import { closeSync, constants, openSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";

import { BtmError } from "../errors.ts";
import { makeRunFolder, RUN_FOLDER } from "../rollback/run-folder.ts";
import { quote } from "../text.ts";

/**
 * One holds a unit at a time, among the volumes of a daemon and among processes: the end of one hold would end another.
 * The lock is the kernel's and goes with its holder.
 *
 * @returns what gives it back
 * @throws BtmError LOCKED, BLOCKED
 */
export async function lockUnit(unit: string, waitMs: number): Promise<() => void> {
  await makeRunFolder("hold a service one at a time");
  const file = `hold-${createHash("sha256").update(unit).digest("hex").slice(0, 32)}.lock`;
  const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;
  const O_CLOEXEC = 0o2_000_000;
  // Never taken away: who waits for a file that is gone would wait for another than who comes later.
  const fd = openSync(join(RUN_FOLDER, file), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600);
  try {
    const { tryLock } = await import("../sys/libc.ts");
    const begin = performance.now();
    while (!tryLock(fd)) {
      if (performance.now() - begin >= waitMs) {
        throw new BtmError("LOCKED", `Cannot hold ${quote(unit)}: another snapshot holds it`, {
          hint: "Give the volumes of one node heights that are due at different times",
          details: { unit },
        });
      }
      await setTimeout(LOOK_MS);
    }
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return () => {
    closeSync(fd);
  };
}

const LOOK_MS = 5;
