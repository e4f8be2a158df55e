/**
 * A binary min-heap of the indices 0 to size - 1, ordered by a key that may change while an index is in it. Equal keys
 * come out in the order of the indices, so that the result does not depend on the history of the heap.
 */
export class IndexedHeap {
  readonly #heap: Int32Array;
  readonly #place: Int32Array;
  readonly #key: Float64Array;
  #length: number;

  constructor(size: number, indices: readonly number[], keyOf: (index: number) => number) {
    this.#heap = new Int32Array(indices.length);
    this.#place = new Int32Array(size).fill(-1);
    this.#key = new Float64Array(size);
    this.#length = indices.length;
    indices.forEach((index, place) => {
      this.#heap[place] = index;
      this.#key[index] = keyOf(index);
      this.#place[index] = place;
    });
    for (let place = (this.#length >> 1) - 1; place >= 0; place--) this.#siftDown(place);
  }

  /** Takes out the index with the smallest key. */
  pop(): number | undefined {
    if (this.#length === 0) return undefined;
    const top = this.#at(0);
    const last = this.#at(--this.#length);
    this.#place[top] = -1;
    if (this.#length > 0) {
      this.#put(0, last);
      this.#siftDown(0);
    }
    return top;
  }

  /** Tells the heap the new key of an index; nothing happens when the index is not in it. */
  changed(index: number, key: number): void {
    const place = this.#place[index] ?? -1;
    if (place < 0) return;
    this.#key[index] = key;
    this.#siftUp(place);
    this.#siftDown(this.#place[index] ?? 0);
  }

  #at(place: number): number {
    return this.#heap[place] ?? 0;
  }

  #put(place: number, index: number): void {
    this.#heap[place] = index;
    this.#place[index] = place;
  }

  #before(a: number, b: number): boolean {
    const x = this.#key[a] ?? 0;
    const y = this.#key[b] ?? 0;
    return x < y || (x === y && a < b);
  }

  #siftUp(from: number): void {
    const index = this.#at(from);
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = this.#at(parent);
      if (!this.#before(index, above)) break;
      this.#put(place, above);
      place = parent;
    }
    this.#put(place, index);
  }

  #siftDown(from: number): void {
    const index = this.#at(from);
    let place = from;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= this.#length) break;
      if (child + 1 < this.#length && this.#before(this.#at(child + 1), this.#at(child))) child++;
      const below = this.#at(child);
      if (!this.#before(below, index)) break;
      this.#put(place, below);
      place = child;
    }
    this.#put(place, index);
  }
}
