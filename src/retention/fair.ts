/**
 * The oldest of the unpinned go.
 *
 * @param pinned 1 where a snapshot is pinned, oldest first
 * @param excess how many must go, less than the number of unpinned ones
 * @returns the places of those that go
 */
export function fair(pinned: Uint8Array, excess: number): number[] {
  const gone: number[] = [];
  for (let i = 0; gone.length < excess && i < pinned.length; i++) {
    if (pinned[i] === 0) gone.push(i);
  }
  return gone;
}
