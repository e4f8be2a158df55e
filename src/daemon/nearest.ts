/**
 * Which of the words was meant: the one with the fewest letters to add, drop, replace or swap; undefined when none is
 * close enough to be a slip.
 *
 * @example
 * nearest("min_fre", ["min_free", "min_keep"]); // "min_free"
 */
export function nearest(word: string, words: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of words) {
    const steps = distance(word.toLowerCase(), candidate, least);
    if (steps < least) [best, least] = [candidate, steps];
  }
  return best;
}

/** Optimal string alignment; `limit` when it is that or more, so that a long word from outside costs nothing. */
function distance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      const [up = 0, left = 0, diagonal = 0] = [last[j], row[j - 1], last[j - 1]];
      let steps = Math.min(up + 1, left + 1, diagonal + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        steps = Math.min(steps, (beforeLast[j - 2] ?? 0) + 1);
      }
      row.push(steps);
    }
    [beforeLast, last] = [last, row];
  }
  return last[b.length] ?? limit;
}
