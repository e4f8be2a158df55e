import { setTimeout } from "node:timers/promises";

/** What a promise gives, undefined when it takes longer. */
export async function within<T>(milliseconds: number, work: Promise<T>): Promise<T | undefined> {
  const stop = new AbortController();
  try {
    return await Promise.race([work, setTimeout(milliseconds, undefined, { signal: stop.signal })]);
  } finally {
    stop.abort();
  }
}
