import * as v from "valibot";

import { type NodeFacts, nodeForm } from "../node-facts.ts";
import { parseStored } from "../stored.ts";

/**
 * What btm writes into a snapshot so that it describes itself and btm knows its own. It names the height, the volume and
 * the live state it is of: a copy of the mark in any other place no longer agrees with where it stands.
 */
export interface Mark {
  /** The version of this format. */
  readonly btm: 1;
  /** Decimal digits. */
  readonly height: string;
  /** The last part of the name of the volume. */
  readonly volume: string;
  /** The uuid of the live state that was snapshotted. */
  readonly origin: string;
  /** Whether `btm adopt` wrote it, into a snapshot that btm did not make. */
  readonly adopted?: boolean;
  /** Absent when the node was not asked. */
  readonly node?: NodeFacts;
}

const schema = v.object({
  btm: v.literal(1),
  height: v.pipe(v.string(), v.regex(/^(0|[1-9]\d{0,19})$/)),
  volume: v.string(),
  origin: v.string(),
  adopted: v.exactOptional(v.boolean()),
  node: v.exactOptional(v.unknown()),
});

/** The mark that the text holds; undefined when it holds none, for it may be anything. */
export function parseMark(text: string | undefined): Mark | undefined {
  const stored = parseStored(schema, text);
  return stored === undefined ? undefined : markOf(stored);
}

/** The marks that the text holds: one, or those of all the snapshots that were taken in one step. */
export function parseMarks(text: string | undefined): readonly Mark[] {
  const mark = parseMark(text);
  return mark === undefined ? (parseStored(v.array(schema), text) ?? []).map(markOf) : [mark];
}

/** What a later version writes of the node must not make the mark none. */
function markOf({ node, ...mark }: v.InferOutput<typeof schema>): Mark {
  const facts = v.safeParse(nodeForm, node);
  return facts.success ? { ...mark, node: facts.output } : mark;
}
