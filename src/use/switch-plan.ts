import type { Blocker, Goal, RollbackPlan, Snapshot, Volume } from "../driver/driver.ts";
import type { Height } from "../height.ts";
import type { RollbackResult } from "../results.ts";
import { isPreserved } from "../rollback/preserve.ts";
import { pendingStarts, type Service } from "../rollback/services.ts";
import { count, quote } from "../text.ts";
import { blocked } from "./blocked.ts";
import { lookAtCarried } from "./carried.ts";
import { familyGlobs } from "./family-globs.ts";
import { lockedBlockers } from "./locked-blocker.ts";
import type { Wishes } from "./switch-wishes.ts";
import { sameSnapshots } from "./use.ts";

export interface Chosen extends Pick<RollbackResult, "asked" | "choice"> {
  readonly goal: Goal;
  /** Of what was chosen. */
  readonly warnings: readonly string[];
}

/** Says what a volume is put back to. */
export type SwitchGoal = (volume: Volume, snapshots: readonly Snapshot[]) => Promise<Chosen>;

export interface Planned {
  readonly plan: RollbackPlan;
  readonly result: RollbackResult;
  /** What is carried over: what was asked for, and what the family of the node wants. */
  readonly globs: readonly string[];
}

/**
 * Makes the plan. Unless it is a dry run, all that stands in the way is one error.
 *
 * @param stopping the services whose processes do not count, because they will have ended by then
 * @throws BtmError BLOCKED, HAS_NESTED_VOLUMES, SIGNER_STATE
 */
export async function planSwitch(
  volume: Volume,
  wishes: Wishes,
  choose: SwitchGoal,
  stopping: readonly Service[],
  recovered: readonly string[],
): Promise<Planned> {
  const { dryRun, signal } = wishes;
  const snapshots = await volume.snapshots();
  const { goal, asked, choice, warnings } = await choose(volume, snapshots);
  const ofFamily = await familyGlobs(goal, wishes);
  const all = [...new Set([...wishes.globs, ...ofFamily])];
  const carried = await lookAtCarried(volume, goal, { ...wishes, globs: all, asked: wishes.globs });
  // Where it is the same in both there is nothing to carry, and in one step cannot be carried.
  const isNeeded = carried.signer.some(({ path }) => isPreserved(path, ofFamily));
  const globs = isNeeded ? all : wishes.globs;
  const plan = await volume.planRollback(goal, {
    discardNewer: wishes.discardNewer,
    discardForeign: wishes.discardForeign,
    keepUndo: wishes.keepUndo ?? (movesNothing(goal, snapshots) ? Number.MAX_SAFE_INTEGER : DEFAULT_KEEP_UNDO),
    carries: globs.length > 0,
    signal,
  });
  const { counting, forced } = sift(plan.blockers, wishes.force, stopping);
  const blockers = [...counting, ...carried.blockers];
  if (!dryRun && blockers.length > 0) throw blocked(actionText(volume, goal), blockers);
  const parting = goal.kind === "snapshot" ? goal.snapshot.height : (plan.undo?.to ?? goal.point.to);
  const { undo, moved, returned, destroyed, discarded, dropped } = plan;
  const result: RollbackResult = {
    asked,
    choice,
    target: goal.kind === "snapshot" ? goal.snapshot : undefined,
    point: goal.kind === "undo" ? goal.point : undefined,
    newer: snapshots.filter((snapshot) => snapshot.height > parting),
    back: (snapshots.at(-1)?.height ?? parting) - heightOf(goal),
    moved,
    returned,
    destroyed,
    discarded,
    dropped,
    undo,
    preserved: isNeeded ? carried.preserved : carried.preserved.filter((path) => isPreserved(path, wishes.globs)),
    signer: carried.signer,
    services: wishes.services,
    blockers: dryRun ? [...blockers, ...(await lockedBlockers(volume))] : [],
    warnings: [
      ...unseenWarnings(dryRun),
      ...warnings,
      ...plan.warnings,
      ...carried.warnings,
      ...forcedWarnings(forced, undo !== undefined),
      ...serviceWarnings(volume, wishes.services),
    ],
    recovered,
    dryRun,
  };
  return { plan, result, globs };
}

/** Whether two plans do the same, so that who agreed to one has agreed to the other. */
export function sameSwitch(a: RollbackResult, b: RollbackResult): boolean {
  return sameSnapshots(identified(a), identified(b)) && a.undo?.number === b.undo?.number && samePins(a, b);
}

/** One that goes into an undo point takes its pin along, and the undo point cannot be dropped then: that must be shown. */
function samePins(a: RollbackResult, b: RollbackResult): boolean {
  const pins = ({ moved, destroyed }: RollbackResult): string =>
    [...moved, ...destroyed].map(({ pinned }) => pinned).join();
  return pins(a) === pins(b);
}

function identified({ target, point, moved, returned, destroyed, discarded, dropped }: RollbackResult): {
  readonly uuid: string;
}[] {
  const goal = [target, point].flatMap((one) => one ?? []);
  return [...goal, ...moved, ...returned, ...destroyed, ...discarded, ...dropped];
}

/**
 * The same rollback once more, by a hand or a script that tries again: what it would keep holds no snapshot, and must not
 * cost the undo point that the first one made.
 */
function movesNothing(goal: Goal, snapshots: readonly Snapshot[]): boolean {
  return goal.kind === "snapshot" && !snapshots.some(({ height }) => height > goal.snapshot.height);
}

const DEFAULT_KEEP_UNDO = 1;

function heightOf(goal: Goal): Height {
  return goal.kind === "snapshot" ? goal.snapshot.height : (goal.point.from ?? goal.point.to);
}

function actionText({ name }: Volume, goal: Goal): string {
  if (goal.kind === "snapshot") return `roll back ${quote(name)} to ${String(goal.snapshot.height)}`;
  return `bring back undo point ${String(goal.point.number)} of ${quote(name)}`;
}

/** Only root gets as far as doing it. */
function unseenWarnings(dryRun: boolean): string[] {
  if (!dryRun || process.geteuid?.() === 0) return [];
  return ["whether anybody uses the volume only root can see; the rollback itself is for root as well"];
}

/** Those that count, and the processes that do not because it was said to go on. */
function sift(
  blockers: readonly Blocker[],
  force: boolean,
  stopping: readonly Service[],
): { readonly counting: Blocker[]; readonly forced: Blocker[] } {
  const units = stopping.map(({ unit }) => unit);
  const rest = blockers.filter(({ kind, unit }) => kind !== "process" || unit === undefined || !units.includes(unit));
  const isForced = ({ kind }: Blocker): boolean => force && kind === "process";
  return { counting: rest.filter((blocker) => !isForced(blocker)), forced: rest.filter(isForced) };
}

function forcedWarnings(forced: readonly Blocker[], isKept: boolean): string[] {
  if (forced.length === 0) return [];
  const where = isKept ? "goes into the undo point" : "is lost";
  const who = forced.map(({ message }) => message).join("; ");
  return [
    `forced past ${count(forced.length, "use")} of the volume, and what is written there from now on ${where}: ${who}`,
  ];
}

function serviceWarnings({ name }: Volume, services: readonly Service[]): string[] {
  const triggered = services.flatMap(({ unit, triggers }) =>
    triggers.map((trigger) => `${quote(trigger)} may start ${quote(unit)} in the middle: name it too, before it`),
  );
  // With services of its own it starts these as well.
  const left = services.length > 0 ? [] : pendingStarts(name).map((start) => `btm recover would ${start}`);
  return [...triggered, ...left];
}
