/**
 * What goes over the socket: HTTP and JSON, so that any language can ask (docs/external-mode.md, docs/openapi.yaml).
 * Heights are decimal strings in answers, for JSON numbers are doubles in most languages. Fields are added, never changed.
 */
import * as v from "valibot";

import type { Snapshot } from "../driver/driver.ts";
import { nodeForm } from "../node-facts.ts";
import { recordForm } from "../record.ts";
import type { Height } from "../height.ts";

const height = v.pipe(
  v.string(),
  v.regex(/^(0|[1-9]\d{0,19})$/),
  // The regex leaves 2^64 to 10^20 - 1, which the daemon never sends.
  v.transform((digits) => BigInt(digits) as Height),
);

const REASONS = ["due", "forced", "exists", "not-due", "superseded", "pending"] as const;

/** The answer to POST /v1/volumes/{name}/snapshots. */
export const takenForm = v.object({
  volume: v.string(),
  /** All that are taken under the height, the one that was asked for among them; older daemons do not say. */
  volumes: v.exactOptional(v.array(v.string())),
  height,
  taken: v.boolean(),
  reason: v.picklist(REASONS),
  last: v.nullable(height),
  /** Of "superseded": the height that is taken instead. */
  winner: v.nullable(height),
  pruned: v.array(height),
});

const snapshotForm = v.object({
  height,
  name: v.string(),
  path: v.nullable(v.string()),
  createdAt: v.pipe(v.string(), v.isoTimestamp()),
  mark: v.nullable(
    v.object({
      btm: v.literal(1),
      height: v.string(),
      volume: v.string(),
      origin: v.string(),
      adopted: v.exactOptional(v.boolean()),
      node: v.exactOptional(nodeForm),
    }),
  ),
  pinned: v.boolean(),
  note: v.nullable(v.string()),
  neededBy: v.array(v.string()),
  uuid: v.string(),
  record: v.optional(v.nullable(recordForm), null),
});

/** The answer to GET /v1/volumes/{name}/snapshots. */
export const listForm = v.object({ volume: v.string(), snapshots: v.array(snapshotForm) });

/** The answer to whatever is refused or fails. */
export const errorForm = v.object({ code: v.string(), message: v.string(), hint: v.nullable(v.string()) });

export type TakenAnswer = v.InferInput<typeof takenForm>;

export function snapshotAnswer(snapshot: Snapshot): v.InferInput<typeof snapshotForm> {
  const { name, path, createdAt, mark, pinned, note, neededBy, uuid, record } = snapshot;
  return {
    height: String(snapshot.height),
    name,
    path: path ?? null,
    createdAt: createdAt.toISOString(),
    mark: mark ?? null,
    pinned,
    note: note ?? null,
    neededBy: [...neededBy],
    uuid,
    record: record ?? null,
  };
}

export function snapshotOf(answer: v.InferOutput<typeof snapshotForm>): Snapshot {
  const { path, createdAt, mark, note, record, ...rest } = answer;
  return {
    ...rest,
    path: path ?? undefined,
    createdAt: new Date(createdAt),
    mark: mark ?? undefined,
    note: note ?? undefined,
    record: record ?? undefined,
  };
}
