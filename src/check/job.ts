/** What the two halves of a check tell each other: btm, and its helper inside the namespaces. */
import * as v from "valibot";

const wanted = v.object({
  /** The least height that would be right, decimal digits: below it the node may still be on its way. */
  low: v.string(),
  /** The height whose hash is asked for. */
  of: v.string(),
});

const jobForm = v.object({
  /** The program, and its arguments. */
  command: v.array(v.string()),
  /** "NAME=value", all that it has. */
  env: v.array(v.string()),
  folder: v.string(),
  /** Where the clone is; of a zvol its device. */
  path: v.string(),
  /** Where the live files are, over which the clone is shown; null of a zvol, and when nothing shows them. */
  live: v.nullable(v.string()),
  /** What stays writable besides. */
  writable: v.array(v.string()),
  timeoutMs: v.number(),
  /** How long it may take to end when it is asked to, once it has answered. */
  stopMs: v.number(),
  /** null when the command itself is the check. */
  node: v.nullable(
    v.object({
      url: v.string(),
      family: v.nullable(v.string()),
      cookieFile: v.nullable(v.string()),
      wanted,
    }),
  ),
});

const ran = {
  /** From the start of the command, in seconds. */
  seconds: v.number(),
  /** The end of what it printed, as it is. */
  said: v.string(),
};

const answerForm = v.variant("kind", [
  v.object({
    kind: v.literal("answered"),
    ...ran,
    height: v.string(),
    hash: v.nullable(v.string()),
    chain: v.nullable(v.string()),
    family: v.string(),
    /** Of the block at the height that was asked about; null where the node does not tell. */
    hashOf: v.nullable(v.string()),
  }),
  /** The command ended; null when a signal ended it. */
  v.object({ kind: v.literal("ended"), ...ran, status: v.nullable(v.number()), signal: v.nullable(v.number()) }),
  /** The time was over. */
  v.object({
    kind: v.literal("silent"),
    ...ran,
    /** Why the node could not be asked the last time; null of a command that is the check. */
    why: v.nullable(v.string()),
    /** It is there, and was not asked or did not answer for want of the right credentials. */
    isDenied: v.boolean(),
    /** The ports of TCP on which something listened then, and nothing on that of the node: nobody else is in its network. */
    listensElsewhere: v.array(v.number()),
  }),
  v.object({ kind: v.literal("not-started"), why: v.string() }),
  /** The namespaces could not be furnished. */
  v.object({ kind: v.literal("no-room"), why: v.string() }),
]);

const reportForm = v.object({ answer: answerForm, warnings: v.array(v.string()) });

export type Job = v.InferOutput<typeof jobForm>;
export type NodeJob = NonNullable<Job["node"]>;
export type Answer = v.InferOutput<typeof answerForm>;
export type Report = v.InferOutput<typeof reportForm>;

export function parseJob(text: string): Job {
  return v.parse(jobForm, JSON.parse(text));
}

export function parseReport(text: string): Report {
  return v.parse(reportForm, JSON.parse(text));
}
