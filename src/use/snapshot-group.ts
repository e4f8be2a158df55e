import { checkCallOptions } from "../call-options.ts";
import type { BtmCfg } from "../cfg.ts";
import type { DestroyOutcome, Snapshot, Volume } from "../driver/driver.ts";
import { BtmError, isBtmError, throwIfAborted } from "../errors.ts";
import { due, type Height, type HeightInput, parseHeight } from "../height.ts";
import type { NodeFacts } from "../node-facts.ts";
import type { GroupSnapshotOptions, GroupSnapshotResult, SnapshotResult } from "../results.ts";
import type { Session } from "../session.ts";
import { quote } from "../text.ts";
import { createOneByOne } from "./create-one-by-one.ts";
import { type Group, heightsOf, inGroup, lockAll, namesOf, tryAll } from "./group.ts";
import { excessOf } from "./group-excess.ts";
import { refuseIncomplete } from "./snapshot.ts";
import { failuresOf, type Use } from "./use.ts";

/** Takes a snapshot of several volumes under one height: of each or of none. */
export async function snapshotGroup(
  members: readonly Use[],
  height: HeightInput,
  options: GroupSnapshotOptions,
): Promise<GroupSnapshotResult> {
  checkCallOptions("snapshotGroup", options, { force: "boolean", writersHalted: "boolean", nodes: "any" });
  const at = parseHeight(height);
  const { signal } = options;
  return inGroup(members, options, async (group) => {
    const { cfg, sessions, memoryIsCurrent } = group;
    // Most blocks are not due: while another btm has a lock they are answered without it.
    if (!(await tryAll(sessions))) {
      const glance = planGroup(cfg, at, options, await allSnapshots(sessions));
      if (glance.kind !== "due") return answerOf(group, at, glance, glance.kind);
    }
    await lockAll(sessions);
    const remembered = await allSnapshots(sessions, "from-memory");
    let planned = planGroup(cfg, at, options, remembered);
    const isDoubtful = !memoryIsCurrent && remembered.flat().some((seen) => seen.height > at);
    if (planned.kind === "exists" || planned.holders > 0 || isDoubtful) {
      planned = planGroup(cfg, at, options, await allSnapshots(sessions));
    }
    if (planned.kind !== "due") return answerOf(group, at, planned, planned.kind);
    if (planned.holders > 0) throw await heldBySome(group, at);
    for (const { volume } of sessions) await refuseIncomplete(volume, at);
    throwIfAborted(signal);
    if (!(await createAll(group, at, options.nodes ?? []))) {
      const now = planGroup(cfg, at, options, await allSnapshots(sessions));
      if (now.kind === "exists") return answerOf(group, at, planned, "exists");
      throw await heldBySome(group, at);
    }
    const outcomes = await thinAll(group, planned, at);
    return answerOf(group, at, planned, options.force === true ? "forced" : "due", outcomes);
  });
}

interface GroupPlan {
  readonly kind: "due" | "exists" | "not-due";
  readonly last: Height | undefined;
  /** How many of the volumes have one of the height. */
  readonly holders: number;
  /** The snapshots of each. */
  readonly seen: readonly (readonly Snapshot[])[];
}

function planGroup(
  { itv }: Pick<BtmCfg, "itv">,
  at: Height,
  { force = false }: GroupSnapshotOptions,
  seen: readonly (readonly Snapshot[])[],
): GroupPlan {
  const last = heightsOf(seen).findLast((common) => common.isOurs && common.height <= at)?.height;
  const holders = seen.filter((snapshots) => snapshots.some(({ height }) => height === at)).length;
  if (holders === seen.length) return { kind: "exists", last, holders, seen };
  return { kind: force || due(at, last, itv) ? "due" : "not-due", last, holders, seen };
}

async function createAll(
  { sessions, isOneStep }: Group,
  at: Height,
  nodes: readonly (NodeFacts | undefined)[],
): Promise<boolean> {
  const volumes = sessions.map(({ volume }) => volume);
  const [first, ...others] = volumes;
  if (first === undefined) return false;
  return isOneStep ? first.createTogether(others, at, nodes) : createOneByOne(volumes, at, nodes);
}

async function thinAll(
  { cfg, sessions, memoryIsCurrent }: Group,
  { seen }: GroupPlan,
  taken: Height,
): Promise<DestroyOutcome[][]> {
  let excess = excessOf(cfg, seen, { taken });
  if (excess.flat().length === 0) return [];
  if (!memoryIsCurrent) {
    try {
      excess = excessOf(cfg, await allSnapshots(sessions), { taken });
    } catch (error) {
      if (!isBtmError(error)) throw error;
      // What one pins all keep: without its list none can be thinned. The snapshots were taken, so it is only told.
      return excess.map((snapshots) => snapshots.map((snapshot) => ({ snapshot, error })));
    }
  }
  const outcomes: DestroyOutcome[][] = [];
  for (const [i, { volume }] of sessions.entries()) outcomes.push(await destroyed(volume, excess[i] ?? []));
  return outcomes;
}

/** The snapshots were taken: what keeps others from going is told, and tried again the next time. */
async function destroyed(volume: Volume, snapshots: readonly Snapshot[]): Promise<DestroyOutcome[]> {
  if (snapshots.length === 0) return [];
  try {
    return await volume.destroy(snapshots);
  } catch (error) {
    if (!isBtmError(error)) throw error;
    return snapshots.map((snapshot) => ({ snapshot, error }));
  }
}

function answerOf(
  { sessions }: Group,
  height: Height,
  { last }: GroupPlan,
  reason: SnapshotResult["reason"],
  outcomes: readonly DestroyOutcome[][] = [],
): GroupSnapshotResult {
  const shared = { taken: reason === "due" || reason === "forced", height, reason, last, dryRun: false };
  const members = sessions.map(({ volume, recovered }, i) => {
    const all = outcomes[i] ?? [];
    const pruned = all.flatMap(({ snapshot, error }) => (error === undefined ? [snapshot.height] : []));
    return { ...shared, volume: volume.name, pruned, failed: failuresOf(all), recovered };
  });
  const pruned = [...new Set(members.flatMap((member) => member.pruned))].sort((a, b) => (a < b ? -1 : 1));
  return { ...shared, pruned, members };
}

async function heldBySome(group: Group, at: Height): Promise<BtmError> {
  const { sessions } = group;
  const seen = await allSnapshots(sessions);
  const holders = sessions.filter((_, i) => seen[i]?.some(({ height }) => height === at) === true);
  const names = holders.map(({ volume }) => quote(volume.name)).join(", ");
  const what = `${names} ${holders.length === 1 ? "has" : "have"} a snapshot of that height already, and others have none`;
  return new BtmError("NAME_TAKEN", `Cannot take a snapshot of ${namesOf(group)} at ${String(at)}: ${what}`, {
    hint: "The next height that is due is taken of all; btm list shows the snapshots of each",
  });
}

async function allSnapshots(sessions: readonly Session[], how?: "from-memory"): Promise<Snapshot[][]> {
  const all: Snapshot[][] = [];
  for (const { volume } of sessions) all.push(await volume.snapshots(how));
  return all;
}
