import { statfsSync, statSync } from "node:fs";

/** f_type of statfs(2): BTRFS_SUPER_MAGIC of linux/magic.h, ZFS_SUPER_MAGIC of include/sys/fs/zfs.h. */
const MAGIC: ReadonlyMap<number, "btrfs" | "zfs"> = new Map([
  [0x9123_683e, "btrfs"],
  [0x2fc1_2fc1, "zfs"],
]);

/** What a path is on; undefined when there is nothing, or nothing we may see. */
export function fileSystemAt(path: string): "btrfs" | "zfs" | "other" | undefined {
  try {
    return MAGIC.get(statfsSync(path).type) ?? "other";
  } catch {
    return undefined;
  }
}

/** Whether a path on Btrfs is the root of a subvolume: its inode is BTRFS_FIRST_FREE_OBJECTID (btrfs_tree.h). */
export function isSubvolume(path: string): boolean {
  return statSync(path, { bigint: true }).ino === 256n;
}
