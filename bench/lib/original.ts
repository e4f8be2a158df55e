/** How the original (to release 2) lists snapshots, for `sh -c`; the last word is not quoted there either. */
export function listOfOriginal(parent: string): string {
  return `btrfs subvolume list -so ${parent} | grep -o '@[0-9]\\+$' | sed 's/@//'`;
}
