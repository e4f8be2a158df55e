import { setImmediate, setTimeout } from "node:timers/promises";

/** Looks at once, then every turn of the event loop, then every millisecond; whether it has come true in time. */
export async function becomesTrue(isTrue: () => boolean, limitMs: number): Promise<boolean> {
  const begin = performance.now();
  for (;;) {
    if (isTrue()) return true;
    const elapsed = performance.now() - begin;
    if (elapsed >= limitMs) return false;
    // A timer of Node sleeps for a millisecond or two, longer than most freezes take as a whole.
    if (elapsed < BUSY_MS) await setImmediate();
    else await setTimeout(1);
  }
}

const BUSY_MS = 3;
