import { checkCallOptions } from "../call-options.ts";
import { parseCap, parseKept } from "../cfg.ts";
import type { Snapshot } from "../driver/driver.ts";
import type { ThinOptions, ThinResult } from "../results.ts";
import { inGroup, lockAll } from "./group.ts";
import { excessOf } from "./group-excess.ts";
import { failuresOf, type Use } from "./use.ts";

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
      // All are listed before anything goes: without one of them it is not known what must stay.
      const seen: Snapshot[][] = [];
      for (const { volume } of sessions) seen.push(await volume.snapshots());
      const results: ThinResult[] = [];
      const excess = excessOf({ algo: cfg.algo, cap }, seen, { atMost });
      for (const [i, { volume, recovered }] of sessions.entries()) {
        const outcomes = await volume.destroy(excess[i] ?? [], signal);
        const removed = outcomes.flatMap(({ snapshot, error }) => (error === undefined ? [snapshot] : []));
        results.push({ removed, failed: failuresOf(outcomes), recovered });
      }
      return results;
    },
  );
}
