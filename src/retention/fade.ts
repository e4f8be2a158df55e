import { IndexedHeap } from "./indexed-heap.ts";

/**
 * Removes, one after the other, the snapshot whose absence hurts least: the one with the smallest
 *
 *     loss = (next - previous) / (head - next)
 *
 * that is, the rewind it would cost to want a height just below `next`, as a part of how far back that height lies.
 * The oldest goes only when nothing else can; the newest never. Pinned ones stay and count as neighbours.
 *
 * Bound. Let A be the age of the oldest divided by that of the second newest, k = floor((cap - 1) / 2). When the
 * smallest loss is r, then age(i - 1) >= (1 + r) age(i + 1) all along the line, so A >= (1 + r)^k. Hence no gap is made
 * with a loss above {@link fadeBound}, and a gap's loss only falls as the head moves away from it.
 * With cap 100 and 100,000 intervals the bound is 0.27; simulated, the worst is 0.17.
 *
 * Ages are compared as doubles: exact below 2^53 blocks, to one part in 10^16 above.
 *
 * O(n log n): a heap of losses, in which a removal changes its two neighbours only.
 *
 * @param ages head - height, oldest first
 * @param pinned 1 where a snapshot is pinned, in the same order
 * @param excess how many must go, less than the number of unpinned ones
 * @returns the places of those that go
 */
export function fade(ages: Float64Array, pinned: Uint8Array, excess: number): number[] {
  const n = ages.length;
  const previous = new Int32Array(n);
  const next = new Int32Array(n);
  for (let i = 0; i < n; i++) {
    previous[i] = i - 1;
    next[i] = i + 1;
  }
  const lossOf = (i: number): number => {
    const younger = ages[next[i] ?? 0] ?? 0;
    return younger === 0 ? Infinity : ((ages[previous[i] ?? 0] ?? 0) - younger) / younger;
  };
  const interior: number[] = [];
  for (let i = 1; i < n - 1; i++) if (pinned[i] === 0) interior.push(i);

  const heap = new IndexedHeap(n, interior, lossOf);
  const gone: number[] = [];
  while (gone.length < excess) {
    const i = heap.pop();
    if (i === undefined) {
      // Only the two ends are left: the oldest goes, the newest never does.
      gone.push(0);
      break;
    }
    gone.push(i);
    const before = previous[i] ?? 0;
    const after = next[i] ?? 0;
    next[before] = after;
    previous[after] = before;
    heap.changed(before, lossOf(before));
    heap.changed(after, lossOf(after));
  }
  return gone;
}

/**
 * The largest part of its age by which fade makes any height miss the nearest snapshot below it, beyond the one interval
 * that lies between two snapshots anyway.
 *
 * @param cap 3 or more; below, only the two ends are kept and there is no bound
 * @param ages the age of the oldest snapshot divided by that of the second newest; for consecutive blocks, the number of
 * intervals of the history
 */
export function fadeBound(cap: number, ages: number): number {
  const k = Math.floor((cap - 1) / 2);
  return k < 1 ? Infinity : ages ** (1 / k) - 1;
}
