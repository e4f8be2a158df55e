/** How the original (to release 2) lists snapshots, for `sh -c`; the last word is not quoted there either. */
export function listOfOriginal(parent: string): string {
  return `btrfs subvolume list -so ${parent} | grep -o '@[0-9]\\+$' | sed 's/@//'`;
}

/** The same on ZFS. */
export function listOfOriginalOnZfs(dataset: string): string {
  return `zfs list -t snapshot -r ${dataset} | grep -o '@[0-9]\\+' | sed 's/@//'`;
}
