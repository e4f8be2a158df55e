import { checkCallOptions } from "../call-options.ts";
import type { BtmCfg } from "../cfg.ts";
import type { DestroyOutcome, Snapshot, Volume } from "../driver/driver.ts";
import { isBtmError, throwIfAborted } from "../errors.ts";
import { due, type Height, type HeightInput, parseHeight } from "../height.ts";
import type { SnapshotOptions, SnapshotResult } from "../results.ts";
import { decide } from "../retention/retention.ts";
import { quote } from "../text.ts";
import { blocked } from "./blocked.ts";
import { failuresOf, isOurs, mustStay, type Use } from "./use.ts";

export async function snapshot(
  { cfg, capabilities, run }: Use,
  height: HeightInput,
  options: SnapshotOptions,
): Promise<SnapshotResult> {
  checkCallOptions("snapshot", options, { force: "boolean", prune: "boolean", dryRun: "boolean", node: "any" });
  const { dryRun = false, signal, node } = options;
  const at = parseHeight(height);
  const plan = (seen: readonly Snapshot[]): SnapshotPlan => planSnapshot(cfg, at, options, seen);
  const answer = ({ taken, reason, last }: SnapshotPlan, rest: Partial<SnapshotResult> = {}): SnapshotResult => {
    return { taken, height: at, reason, last, pruned: [], failed: [], recovered: [], dryRun, ...rest };
  };
  return run(signal, async (session) => {
    if (dryRun) {
      const planned = plan(await session.volume.snapshots());
      const recovered = await session.volume.pending();
      if (planned.taken) await refuseIncomplete(session.volume, at);
      return answer(planned, { recovered, pruned: planned.excess.map((excess) => excess.height) });
    }
    // Most blocks are not due: while another btm has the lock they are answered without it.
    if (!(await session.volume.tryLock())) {
      const glance = plan(await session.volume.snapshots());
      if (!glance.taken) return answer(glance);
    }
    await session.lock();
    const { volume, recovered } = session;
    const { memoryIsCurrent } = await capabilities();
    const remembered = await volume.snapshots("from-memory");
    let planned = plan(remembered);
    // Others may have removed what is remembered: the chain is below it, so there was a rollback perhaps.
    const isDoubtful = !memoryIsCurrent && remembered.some((seen) => seen.height > at);
    if (planned.reason === "exists" || isDoubtful) planned = plan(await volume.snapshots());
    if (!planned.taken) return answer(planned, { recovered });
    await refuseIncomplete(volume, at);
    throwIfAborted(signal);
    if (!(await volume.create(at, node))) return answer({ ...planned, taken: false, reason: "exists" }, { recovered });
    // Thinning comes after a success only, and a failure of it does not undo that.
    const outcomes = await thin(cfg, volume, at, planned.excess, memoryIsCurrent);
    const pruned = outcomes.flatMap(({ snapshot: gone, error }) => (error === undefined ? [gone.height] : []));
    return answer(planned, { recovered, pruned, failed: failuresOf(outcomes) });
  });
}

interface SnapshotPlan extends Pick<SnapshotResult, "taken" | "reason" | "last"> {
  /** What cap demands to go once it is taken. */
  readonly excess: readonly Snapshot[];
}

function planSnapshot(
  cfg: BtmCfg,
  at: Height,
  { force = false, prune = true }: SnapshotOptions,
  seen: readonly Snapshot[],
): SnapshotPlan {
  const ours = seen.filter(isOurs);
  const last = ours.findLast((candidate) => candidate.height <= at)?.height;
  if (seen.some((candidate) => candidate.height === at)) return { taken: false, reason: "exists", last, excess: [] };
  if (!force && !due(at, last, cfg.itv)) return { taken: false, reason: "not-due", last, excess: [] };
  const excess = prune ? beyondCap(cfg, ours, at) : [];
  return { taken: true, reason: force ? "forced" : "due", last, excess };
}

/** The snapshot was taken: whatever keeps the others from being destroyed is told with them, and tried again. */
async function thin(
  cfg: BtmCfg,
  volume: Volume,
  head: Height,
  planned: readonly Snapshot[],
  memoryIsCurrent: boolean,
): Promise<DestroyOutcome[]> {
  if (planned.length === 0) return [];
  try {
    const excess = memoryIsCurrent ? planned : beyondCap(cfg, (await volume.snapshots()).filter(isOurs), head);
    return await volume.destroy(excess);
  } catch (error) {
    if (!isBtmError(error)) throw error;
    return planned.map((excess) => ({ snapshot: excess, error }));
  }
}

/** What cap demands to go of ours, once there is a snapshot of the head. */
export function beyondCap(
  { algo, cap }: Pick<BtmCfg, "algo" | "cap">,
  ours: readonly Snapshot[],
  head: Height,
): Snapshot[] {
  const candidates = ours.map((candidate) => ({ height: candidate.height, pinned: mustStay(candidate) }));
  const isTaken = ours.some((candidate) => candidate.height === head);
  const all = isTaken ? candidates : [...candidates, { height: head, pinned: false }];
  const decisions = decide(algo, all, { head, cap });
  return ours.filter((_, i) => decisions[i]?.keep === false);
}

/** @throws BtmError BLOCKED, HAS_NESTED_VOLUMES */
export async function refuseIncomplete(volume: Volume, height: Height): Promise<void> {
  const blockers = await volume.snapshotBlockers();
  if (blockers.length > 0) throw blocked(`take a snapshot of ${quote(volume.name)} at ${String(height)}`, blockers);
}
