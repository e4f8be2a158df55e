/**
 * User properties of ours. Their names must contain a colon (zfsprops(7), "User Properties"); what a dataset has, its
 * children and snapshots inherit, so each value says of what it is.
 */
export const PROPERTY = {
  /** On a snapshot: the mark. */
  mark: "btm:mark",
  /** On a snapshot: its own height, when it is pinned. */
  pin: "btm:pin",
  /** On the dataset, from the transaction of a rollback until it is mounted again: which rollback it was. */
  done: "btm:rollback",
} as const;

/** The device through which every ZFS command speaks to the kernel, and whose bytes are the locks of volumes. */
export const ZFS_DEVICE = "/dev/zfs";
