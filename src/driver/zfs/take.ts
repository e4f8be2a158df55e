import type { Height } from "../../height.ts";
import { quote } from "../../text.ts";
import type { NodeFacts } from "../../node-facts.ts";
import type { Mark } from "../mark.ts";
import { snapshotName } from "../snapshot-name.ts";
import type { ZfsCommand } from "./command.ts";
import { explainFailure, saysExists } from "./failure.ts";
import { baseOf, PROPERTY } from "./names.ts";
import type { Place } from "./place.ts";
import { writeOut } from "./sync.ts";

/** A dataset of which a snapshot is to be taken. */
export interface Target {
  readonly place: Place;
  /** What its marks name. */
  readonly origin: string;
  readonly lock: number;
  readonly node: NodeFacts | undefined;
}

export interface Taken {
  readonly height: Height;
  readonly name: string;
  readonly mark: Mark;
}

/** Writes out what is in memory of each, as late as can be. */
export async function prepare(zfs: ZfsCommand, targets: readonly Target[], height: Height): Promise<void> {
  const { action, lock } = callOf(targets, height);
  for (const { place } of targets) await writeOut(zfs, place, { action, lock });
}

/**
 * Takes a snapshot of each dataset, all of one pool, by one command: the kernel checks all and takes all in one transaction
 * (dsl_dataset_snapshot() in module/zfs/dsl_dataset.c), or none. The mark is a property set in that transaction
 * (zfs-snapshot(8), -o): there is never one without. The command takes one value for all, so each of several holds the
 * marks of all, and each finds its own by its origin.
 *
 * A channel program could give each its own (tried on 2.1.11 and 2.3.2), but it is cut off in the middle when the command is
 * killed, and what it has done by then stays (zcp_lua_counthook() in module/zfs/zcp.c); and it wants root.
 *
 * @returns undefined when there is one of that height, and none was taken
 */
export async function takeSnapshots(
  zfs: ZfsCommand,
  targets: readonly Target[],
  height: Height,
): Promise<readonly Taken[] | undefined> {
  const { action, lock } = callOf(targets, height);
  const all = targets.map(({ place: { dataset }, origin, node }): Taken => {
    const mark: Mark = {
      btm: 1,
      height: String(height),
      volume: baseOf(dataset),
      origin,
      ...(node === undefined ? {} : { node }),
    };
    return { height, name: snapshotName(dataset, height), mark };
  });
  const marks = all.map(({ mark }) => mark);
  const names = all.map(({ name }) => name);
  const value = JSON.stringify(marks.length === 1 ? marks[0] : marks);
  const args = ["snapshot", "-o", `${PROPERTY.mark}=${value}`, ...names];
  const ended = await zfs.tryChange(args, { action, lock });
  if (ended.status === 0) return all;
  // Of several it tells of each that it cannot take: another reason than this one is told to the user first.
  if (saysOnlyExists(ended.stderr, names)) return undefined;
  throw explainFailure(action, args, ended);
}

function saysOnlyExists(stderr: string, names: readonly string[]): boolean {
  const failures = stderr.split("\n").filter((line) => line.startsWith("cannot "));
  return names.filter((name) => saysExists(stderr, name)).length === failures.length && failures.length > 0;
}

function callOf(targets: readonly Target[], height: Height): { readonly action: string; readonly lock: number[] } {
  const names = targets.map(({ place }) => quote(snapshotName(place.dataset, height)));
  const action = `take the ${names.length === 1 ? "snapshot" : "snapshots"} ${names.join(", ")}`;
  return { action, lock: targets.map(({ lock }) => lock) };
}
