/** Extended attributes of ours; "user." is the namespace that needs no privilege (xattr(7)). */
export const ATTRIBUTE = {
  /** On a snapshot: the mark. On the live root: the mark about to be sealed into a snapshot. */
  mark: "user.btm",
  /** On "<volume>.btm": the rollback under way. */
  journal: "user.btm.journal",
  /** On "<volume>.btm/undo-<n>": what the undo point is. */
  undo: "user.btm.undo",
  /** On "<volume>.btm", followed by a height: the uuid of the pinned snapshot. */
  pinPrefix: "user.btm.pin.",
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
