/**
 * User properties of ours. Their names must contain a colon (zfsprops(7), "User Properties"); what a dataset has, its
 * children and snapshots inherit, so each value says of what it is.
 */
export const PROPERTY = {
  /** On a snapshot: the mark. */
  mark: "btm:mark",
  /** On a snapshot: its own height, and the note when there is one, when it is pinned. */
  pin: "btm:pin",
  /** On a snapshot: its own height, and what was learnt of it after it was taken. */
  record: "btm:record",
  /** On the dataset, from the transaction of a rollback in place until it is mounted again: which rollback it was. */
  done: "btm:rollback",
  /** On a dataset that took the place of another: the guid that its marks name, and its own. */
  origin: "btm:origin",
  /** On the dataset, and on the one that takes its place, as long as a switch is under way: which one. */
  switch: "btm:switch",
  /** On an undo point, an open clone: what it is. */
  role: "btm:role",
} as const;

/** The tag of the hold that a pin has (zfs-hold(8)). */
export const HOLD = "btm";

/** The device through which every ZFS command speaks to the kernel, and whose bytes are the locks of volumes. */
export const ZFS_DEVICE = "/dev/zfs";

/** What lies beside a volume, in the same parent: so what it inherits, and its encryption root, stay what they were. */
export const siblings = {
  staged: (dataset: string): string => `${dataset}.btm-new`,
  undo: (dataset: string, number: number): string => `${dataset}.btm-undo-${String(number)}`,
  open: (dataset: string, height: bigint): string => `${dataset}.btm-open-${String(height)}`,
  /** Of the live state of an undo point that is brought back, as long as that lasts. */
  temporary: (number: number): string => `btm-undo-${String(number)}`,
};

/** What the name of a sibling says that it is. */
export function undoNumberIn(dataset: string, name: string): number | undefined {
  const digits = partAfter(`${dataset}.btm-undo-`, name);
  return digits !== undefined && /^[1-9]\d{0,8}$/.test(digits) ? Number(digits) : undefined;
}

export function openHeightIn(dataset: string, name: string): string | undefined {
  const digits = partAfter(`${dataset}.btm-open-`, name);
  return digits !== undefined && /^(0|[1-9]\d{0,19})$/.test(digits) ? digits : undefined;
}

/** The volume that a switch which was interrupted may have left under another name. */
export function volumeOfSibling(name: string): string | undefined {
  return /^(.+)\.btm-(new|undo-[1-9]\d{0,8})$/.exec(name)?.[1];
}

function partAfter(prefix: string, name: string): string | undefined {
  return name.startsWith(prefix) ? name.slice(prefix.length) : undefined;
}

/** The folder of names in which the siblings of a dataset are; undefined for the root of a pool, which has none. */
export function parentOf(dataset: string): string | undefined {
  const at = dataset.lastIndexOf("/");
  return at < 0 ? undefined : dataset.slice(0, at);
}

/** The last part of the name of a dataset. */
export function baseOf(dataset: string): string {
  return dataset.slice(dataset.lastIndexOf("/") + 1);
}

export function poolOf(dataset: string): string {
  return dataset.split("/")[0] ?? "";
}
