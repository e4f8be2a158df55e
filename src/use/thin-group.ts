import { checkCallOptions } from "../call-options.ts";
import { parseCap, parseKept } from "../cfg.ts";
import type { Snapshot } from "../driver/driver.ts";
import type { ThinOptions, ThinResult } from "../results.ts";
import { inGroup, lockAll } from "./group.ts";
import { excessOf } from "./group-excess.ts";
import { failuresOf, isOurs, type Use } from "./use.ts";

/** Thins several volumes alike: what became of each. */
export async function thinGroup(members: readonly Use[], options: ThinOptions): Promise<ThinResult[]> {
  checkCallOptions("thinGroup", options, { cap: "any", atMost: "any" });
  const cap = parseCap(options.cap);
  const atMost = parseKept(options.atMost ?? Number.MAX_SAFE_INTEGER);
  const { signal } = options;
  // Nothing is taken, so nobody need be halted.
  return inGroup(
    members,
    { ...(signal === undefined ? {} : { signal }), writersHalted: true },
    async ({ cfg, sessions }) => {
      await lockAll(sessions);
      const ours: Snapshot[][] = [];
      for (const { volume } of sessions) ours.push((await volume.snapshots()).filter(isOurs));
      const [head] = ours
        .flat()
        .map(({ height }) => height)
        .sort((a, b) => (a > b ? -1 : 1));
      const results: ThinResult[] = [];
      const excess = head === undefined ? [] : excessOf({ algo: cfg.algo, cap }, ours, head);
      const last = [...new Set(excess.flat().map(({ height }) => height))].sort((a, b) => (a < b ? -1 : 1))[atMost];
      for (const [i, { volume, recovered }] of sessions.entries()) {
        const wanted = (excess[i] ?? []).filter(({ height }) => last === undefined || height < last);
        const outcomes = await volume.destroy(wanted, signal);
        const removed = outcomes.flatMap(({ snapshot, error }) => (error === undefined ? [snapshot] : []));
        results.push({ removed, failed: failuresOf(outcomes), recovered });
      }
      return results;
    },
  );
}
