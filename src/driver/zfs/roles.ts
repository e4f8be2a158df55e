import * as v from "valibot";

import { parseStored } from "../../stored.ts";

/** What an undo point says of itself. It counts only where the name agrees, for properties are inherited. */
export interface UndoRole {
  readonly btm: 1;
  readonly is: "undo";
  /** The last part of the name of the volume. */
  readonly volume: string;
  readonly number: number;
  /** When it was moved aside, as an ISO date. */
  readonly at: string;
  /** The height at which it parted: for when its origin does not tell. */
  readonly to: string;
}

export interface OpenRole {
  readonly btm: 1;
  readonly is: "open";
  readonly volume: string;
  readonly height: string;
  /** When it was opened, as an ISO date. */
  readonly at: string;
  /** The first folder that was made for it: those from it down to the mount point go with it when they are empty. */
  readonly made?: string | undefined;
  /** Absent of what a user opened. */
  readonly isForCheck?: boolean | undefined;
}

const digits = v.pipe(v.string(), v.regex(/^\d{1,20}$/));
const date = v.pipe(v.string(), v.isoTimestamp());

const undoForm = v.object({
  btm: v.literal(1),
  is: v.literal("undo"),
  volume: v.string(),
  number: v.pipe(v.number(), v.integer()),
  at: date,
  to: digits,
});

const openForm = v.object({
  btm: v.literal(1),
  is: v.literal("open"),
  volume: v.string(),
  height: digits,
  at: date,
  made: v.optional(v.string()),
  isForCheck: v.optional(v.boolean()),
});

export function parseUndoRole(text: string | undefined): UndoRole | undefined {
  return parseStored(undoForm, text);
}

export function parseOpenRole(text: string | undefined): OpenRole | undefined {
  return parseStored(openForm, text);
}

/**
 * A switch under way, on the dataset that is live from before anything is made, and on the one that takes its place from
 * when that is made until all is done. It names no place to mount: others than root may set properties.
 */
export interface Switch {
  readonly btm: 1;
  /** Of this one switch. */
  readonly token: string;
  readonly kind: "rollback" | "undo";
  /** For messages: a height, or "undo point 1". */
  readonly goal: string;
  /** The guid of the dataset that is moved aside: tells the two apart. */
  readonly was: string;
  /** The undo point that it becomes. */
  readonly number: number;
  readonly at: string;
  readonly to: string;
  /** The undo point whose live state is brought back, and the guid of that. */
  readonly restores?: { readonly number: number; readonly guid: string } | undefined;
  /** What was moved aside is destroyed at the end. */
  readonly discards: boolean;
  readonly isVolume: boolean;
  readonly wasMounted: boolean;
  /** As it was set; undefined when it was not. */
  readonly canmount?: string | undefined;
  /** Set at the end: both at once may not fit. */
  readonly limits: readonly string[];
}

const switchForm = v.object({
  btm: v.literal(1),
  token: v.string(),
  kind: v.picklist(["rollback", "undo"]),
  goal: v.string(),
  was: digits,
  number: v.pipe(v.number(), v.integer()),
  at: date,
  to: digits,
  restores: v.optional(v.object({ number: v.pipe(v.number(), v.integer()), guid: digits })),
  discards: v.boolean(),
  isVolume: v.boolean(),
  wasMounted: v.boolean(),
  canmount: v.optional(v.picklist(["on", "off", "noauto"])),
  limits: v.array(
    v.pipe(v.string(), v.regex(/^(quota|reservation|refreservation|snapshot_limit|filesystem_limit)=(\d+|none)$/)),
  ),
});

export function parseSwitch(text: string | undefined): Switch | undefined {
  return parseStored(switchForm, text);
}
