import { checkCallOptions } from "../call-options.ts";
import { parseKept } from "../cfg.ts";
import type { CleanOptions, CleanResult } from "../results.ts";
import { failuresOf, isOurs, mustStay, sameSnapshots, type Use } from "./use.ts";

export async function clean({ run }: Use, options: CleanOptions): Promise<CleanResult> {
  checkCallOptions("clean", options, { kept: "any", dryRun: "boolean", confirm: "function" });
  const { dryRun = false, confirm, signal } = options;
  const keep = parseKept(options.kept ?? 0);
  return run(signal, async (session) => {
    const makePlan = async (recovered: readonly string[] = session.recovered): Promise<CleanResult> => {
      const snapshots = await session.volume.snapshots();
      const ours = snapshots.filter(isOurs);
      const older = ours.slice(0, Math.max(0, ours.length - keep));
      const removed = new Set(older.filter((snapshot) => !mustStay(snapshot)));
      const spared = older.filter(mustStay);
      const kept = snapshots.filter((snapshot) => !removed.has(snapshot));
      return { removed: [...removed], kept, spared, failed: [], recovered, dryRun };
    };
    if (dryRun) return makePlan(await session.volume.pending());
    const isSame = (a: CleanResult, b: CleanResult): boolean => sameSnapshots(a.removed, b.removed);
    const plan = await session.agree(makePlan, isSame, confirm);
    const outcomes = await session.volume.destroy(plan.removed, signal);
    const failed = failuresOf(outcomes);
    const stay = new Set(failed.map((failure) => failure.snapshot));
    return { ...plan, removed: plan.removed.filter((snapshot) => !stay.has(snapshot)), failed };
  });
}
