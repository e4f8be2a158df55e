/** Time that only goes forwards, whatever the clock on the wall does. */
export interface Clock {
  /** Milliseconds since some instant. */
  now(): number;
  /** Does something once, later; the function that is returned calls it off. */
  after(milliseconds: number, act: () => void): () => void;
}

export const realClock: Clock = {
  now: () => performance.now(),
  after(milliseconds, act) {
    const timer = setTimeout(act, milliseconds);
    return () => {
      clearTimeout(timer);
    };
  },
};

/**
 * How long to wait before the next attempt: any time up to a bound that doubles with each failure, so that many who wait
 * for one node do not all come back at once (full jitter).
 *
 * @param failures how many there were in succession, 1 or more
 * @param random gives 0 to 1
 */
export function backOffMs(failures: number, random: () => number): number {
  return random() * Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** (failures - 1));
}

const FIRST_WAIT_MS = 1000;
const MAX_WAIT_MS = 30_000;
