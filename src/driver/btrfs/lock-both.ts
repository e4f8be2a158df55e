import { BtmError } from "../../errors.ts";
import { type Aside } from "./aside.ts";
import { type Journal, stagedPath } from "./journal.ts";
import type { VolumeLock } from "./lock.ts";

/** Whoever waits for the lock looks again at what the name leads to, and must find that locked as well. */
export function lockBoth(lock: VolumeLock, aside: Aside, journal: Journal): void {
  if (lock.extend(aside.fd, stagedPath(journal))) return;
  throw new BtmError("LOCKED", `Cannot roll back to ${journal.height}: something has locked ${stagedPath(journal)}`, {
    hint: "Nothing but btm should: find it with fuser or lsof",
  });
}
