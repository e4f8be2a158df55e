import { BtmError, isBtmError, throwIfAborted } from "../../errors.ts";
import type { Ended } from "../../sys/spawn.ts";
import { quote, shellWord } from "../../text.ts";
import type { DestroyOutcome, Snapshot } from "../driver.ts";
import type { ZfsCommand } from "./command.ts";
import { explainFailure } from "./failure.ts";
import type { Listing } from "./listing.ts";
import { list, type Row } from "./rows.ts";
import type { Step } from "./step.ts";

/**
 * How many go in one command, and so in one transaction: more make every other command of the pool wait (openzfs #14276).
 * A thousand names of at most 22 bytes and one dataset stay well below the 128 KiB that the kernel allows for one argument
 * (MAX_ARG_STRLEN, execve(2)), so E2BIG cannot happen.
 */
const BATCH = 1000;

export interface DestroyOptions {
  readonly dataset: string;
  readonly lock: number;
  readonly signal: AbortSignal | undefined;
  readonly step: Step;
}

/**
 * Destroys snapshots by an explicit list, never a range, which would take others' in between along. A command destroys all
 * or none; what is held, cloned or busy is then named, and the rest is tried again.
 *
 * @param listing as it is under the lock: what is no longer the same there, or was pinned meanwhile, stays
 */
export async function destroySnapshots(
  zfs: ZfsCommand,
  snapshots: readonly Snapshot[],
  listing: Pick<Listing, "snapshots">,
  options: DestroyOptions,
): Promise<DestroyOutcome[]> {
  const now = new Map(listing.snapshots.map((snapshot) => [snapshot.name, snapshot]));
  const outcomes = new Map<Snapshot, DestroyOutcome>();
  const wanted: Snapshot[] = [];
  for (const snapshot of snapshots) {
    const found = now.get(snapshot.name);
    // Gone already: what was wanted.
    if (found === undefined) continue;
    if (found.uuid === snapshot.uuid && found.mark !== undefined && !found.pinned) wanted.push(snapshot);
    else outcomes.set(snapshot, { snapshot, error: changed(snapshot) });
  }
  for (const outcome of await destroyBatches(zfs, wanted, options)) outcomes.set(outcome.snapshot, outcome);
  return snapshots.map((snapshot) => outcomes.get(snapshot) ?? { snapshot });
}

async function destroyBatches(
  zfs: ZfsCommand,
  snapshots: readonly Snapshot[],
  options: DestroyOptions,
): Promise<DestroyOutcome[]> {
  const outcomes: DestroyOutcome[] = [];
  for (let start = 0; start < snapshots.length; start += BATCH) {
    throwIfAborted(options.signal);
    outcomes.push(...(await destroyBatch(zfs, snapshots.slice(start, start + BATCH), options)));
    const last = outcomes.at(-1)?.error;
    // What gives no answer now will give none to the next batch.
    if (isBtmError(last) && last.code === "TIMED_OUT") {
      return [...outcomes, ...snapshots.slice(start + BATCH).map((snapshot) => ({ snapshot, error: last }))];
    }
  }
  return outcomes;
}

async function destroyBatch(
  zfs: ZfsCommand,
  batch: readonly Snapshot[],
  options: DestroyOptions,
): Promise<DestroyOutcome[]> {
  let failure = await tryDestroy(zfs, batch, options);
  if (failure === undefined) return batch.map((snapshot) => ({ snapshot }));
  const obstacles =
    failure.code === "TIMED_OUT" ? new Map<string, BtmError>() : await obstaclesOf(zfs, batch, options.dataset);
  let left = batch;
  while (failure !== undefined) {
    for (const [name, obstacle] of busyIn(failure)) if (!obstacles.has(name)) obstacles.set(name, obstacle);
    const free = left.filter((snapshot) => !obstacles.has(snapshot.name));
    // Nothing more to leave out: it failed for another reason, which is the same for all.
    if (free.length === left.length || free.length === 0) break;
    // zfs names the busy ones only once nothing that it knows by itself, such as a clone, is among them.
    left = free;
    failure = await tryDestroy(zfs, left, options);
  }
  const again = failure;
  return batch.map((snapshot) => {
    const error = obstacles.get(snapshot.name) ?? again;
    return error === undefined ? { snapshot } : { snapshot, error };
  });
}

/** @returns why nothing was destroyed */
async function tryDestroy(
  zfs: ZfsCommand,
  batch: readonly Snapshot[],
  { dataset, lock, step }: DestroyOptions,
): Promise<BtmError | undefined> {
  const [first] = batch;
  const what = batch.length === 1 && first !== undefined ? `the snapshot ${quote(first.name)}` : "the snapshots";
  const action = `destroy ${what}${batch.length === 1 ? "" : ` of ${quote(dataset)}`}`;
  const args = ["destroy", `${dataset}@${batch.map(({ height }) => String(height)).join(",")}`];
  let ended: Ended;
  try {
    ended = await step("destroy", () => zfs.tryChange(args, { action, lock }));
  } catch (error) {
    // An outcome as well: what went before it is done.
    if (isBtmError(error)) return error;
    throw error;
  }
  // Gone already is what was wanted.
  const isGone = ended.stderr.trim() === "could not find any snapshots to destroy; check snapshot names.";
  return ended.status === 0 || isGone ? undefined : explainFailure(action, args, ended);
}

/** The snapshots that zfs says are busy, as one that is being sent, or that a process is inside of. */
function busyIn(failure: BtmError): [string, BtmError][] {
  const stderr = String(failure.details["stderr"]);
  // Seen on OpenZFS 2.1.11 and 2.3.2; the former says the same of one that is held.
  return [...stderr.matchAll(/^cannot destroy snapshot (.+): dataset is busy$/gm)].map(([, name = ""]) => [
    name,
    new BtmError("BLOCKED", `Cannot destroy the snapshot ${quote(name)}: it is in use`, {
      hint: "It is being sent, mounted somewhere, or a process is inside it below .zfs/snapshot",
    }),
  ]);
}

/** What keeps each from being destroyed, by its name. */
async function obstaclesOf(
  zfs: ZfsCommand,
  batch: readonly Snapshot[],
  dataset: string,
): Promise<Map<string, BtmError>> {
  const action = `look at the snapshots of ${quote(dataset)}`;
  let rows: Row[];
  try {
    rows = await list(zfs, { types: "snapshot", columns: ["userrefs", "clones"], dataset, action });
  } catch (error) {
    // Then the first failure is what there is to tell.
    if (isBtmError(error)) return new Map();
    throw error;
  }
  const wanted = new Set(batch.map((snapshot) => snapshot.name));
  return new Map(
    rows.flatMap((row): [string, BtmError][] => {
      const obstacle = wanted.has(row.name) ? obstacleIn(row) : undefined;
      return obstacle === undefined ? [] : [[row.name, obstacle]];
    }),
  );
}

function obstacleIn(row: Row): BtmError | undefined {
  const cannot = `Cannot destroy the snapshot ${quote(row.name)}`;
  const clones = row.value("clones");
  if (clones !== undefined) {
    return new BtmError("BLOCKED", `${cannot}: ${quote(clones)} is a clone of it`, {
      hint: `Destroy the clone, or make it stand alone: zfs promote ${shellWord(clones.split(",")[0] ?? "")}`,
    });
  }
  if (row.number("userrefs") === 0n) return undefined;
  return new BtmError("BLOCKED", `${cannot}: it is held`, {
    hint: `zfs holds ${shellWord(row.name)} shows by what; zfs release TAG SNAPSHOT lets it go`,
  });
}

export function changed(snapshot: Snapshot): BtmError {
  const what = "it no longer is the snapshot that it was, or its mark or pin has changed";
  return new BtmError("PLAN_CHANGED", `Cannot change ${quote(snapshot.name)}: ${what}`, {
    hint: "Someone changed or replaced it: look at it with btm list",
  });
}
