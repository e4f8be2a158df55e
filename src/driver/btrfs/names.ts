import { type Height, MAX_HEIGHT } from "../../height.ts";

/** Extended attributes of ours; "user." is the namespace that needs no privilege (xattr(7)). */
export const ATTRIBUTE = {
  /** On a snapshot: the mark. On the live root: the mark about to be sealed into a snapshot. */
  mark: "user.btm",
  /** On "<volume>.btm": the rollback under way. */
  journal: "user.btm.journal",
  /** On "<volume>.btm/undo-<n>": what the undo point is. */
  undo: "user.btm.undo",
  /** On "<volume>.btm", followed by the height of an open clone: what it is of. */
  openPrefix: "user.btm.open.",
  /** On "<volume>.btm": the clone that is being made or destroyed. */
  unfinishedClone: "user.btm.clone",
  /** On "<volume>.btm", followed by the uuid of a pinned snapshot. */
  pinPrefix: "user.btm.pin.",
  /** On "<volume>.btm", followed by the uuid of a snapshot: what was learnt of it after it was taken. */
  recordPrefix: "user.btm.record.",
} as const;

/** The live state inside an undo point. */
export const LIVE = "live";

/** The directory beside the volume in which btm keeps what it moved aside, its pins and its journal. */
export function asideName(base: string): string {
  return `${base}.btm`;
}

export function undoName(number: number): string {
  return `undo-${String(number)}`;
}

/** The number of an undo point by the name of its directory. */
export function undoNumber(name: string): number | undefined {
  const digits = /^undo-([1-9]\d{0,8})$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/**
 * The name of a snapshot that belongs to an undo point. It stays in its directory, for a read-only subvolume cannot be moved
 * to another one (may_write on the source in vfs_rename() of fs/namei.c); and it is no snapshot of the volume any more, for
 * a height is digits alone.
 */
export function movedName(base: string, height: bigint, undo: number): string {
  return `${base}@${String(height)}.${undoName(undo)}`;
}

/** The inverse of {@link movedName}; undefined when it is not such a name. */
export function parseMovedName(base: string, name: string): { height: Height; undo: number } | undefined {
  if (!name.startsWith(`${base}@`)) return undefined;
  const [, digits, suffix] = /^(0|[1-9]\d{0,19})\.(undo-\d+)$/.exec(name.slice(base.length + 1)) ?? [];
  const undo = undoNumber(suffix ?? "");
  if (digits === undefined || undo === undefined || BigInt(digits) > MAX_HEIGHT) return undefined;
  return { height: BigInt(digits) as Height, undo };
}

export function openName(height: bigint): string {
  return `open-${String(height)}`;
}

/** The height of an open clone by the name of its subvolume. */
export function openHeight(name: string): Height | undefined {
  const digits = /^open-(0|[1-9]\d{0,19})$/.exec(name)?.[1];
  return digits === undefined || BigInt(digits) > MAX_HEIGHT ? undefined : (BigInt(digits) as Height);
}
