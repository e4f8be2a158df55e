import { setTimeout } from "node:timers/promises";

import { BtmError } from "../errors.ts";
import { openRunLock } from "../sys/run-lock.ts";
import { quote } from "../text.ts";

/**
 * One holds a unit at a time, among the volumes of a daemon and among processes: the end of one hold would end another.
 *
 * @returns what gives it back
 * @throws BtmError LOCKED, BLOCKED
 */
export async function lockUnit(unit: string, waitMs: number): Promise<() => void> {
  const lock = await openRunLock("hold", unit, "hold a service one at a time");
  try {
    const begin = performance.now();
    while (!lock.tryTake()) {
      if (performance.now() - begin >= waitMs) {
        throw new BtmError("LOCKED", `Cannot hold ${quote(unit)}: another snapshot holds it`, {
          hint: "Give the volumes of one node heights that are due at different times",
          details: { unit },
        });
      }
      await setTimeout(LOOK_MS);
    }
  } catch (error) {
    lock.close();
    throw error;
  }
  return lock.close;
}

const LOOK_MS = 5;
