import type { Blocker, Volume } from "../driver/driver.ts";
import { isBtmError } from "../errors.ts";

/**
 * That another btm is at work, for a dry run, which waits for nobody. To be asked last: the lock that it may get is held until
 * the volume is closed.
 */
export async function lockedBlockers(volume: Volume): Promise<Blocker[]> {
  try {
    if (await volume.tryLock()) return [];
  } catch (error) {
    // Who may look but not lock still wants to see the plan.
    if (isBtmError(error) && error.code === "PERMISSION_DENIED") return [];
    throw error;
  }
  return [
    {
      kind: "locked",
      message: "another btm is changing the volume at this moment",
      hint: "Wait for it; --lock-timeout says how long btm does",
    },
  ];
}
