import { checkCallOptions } from "../call-options.ts";
import type { Snapshot } from "../driver/driver.ts";
import { throwIfAborted } from "../errors.ts";
import type { AdoptResult, Failure, PlannedOptions } from "../results.ts";
import { isOurs, sameSnapshots, type Use } from "./use.ts";

export async function adopt({ run }: Use, options: PlannedOptions<AdoptResult>): Promise<AdoptResult> {
  checkCallOptions("adopt", options, { dryRun: "boolean", confirm: "function" });
  const { dryRun = false, confirm, signal } = options;
  return run(signal, async (session) => {
    const makePlan = async (recovered: readonly string[] = session.recovered): Promise<AdoptResult> => {
      const adopted = (await session.volume.snapshots()).filter((snapshot) => !isOurs(snapshot));
      return { adopted, failed: [], recovered, dryRun };
    };
    if (dryRun) return makePlan(await session.volume.pending());
    const isSame = (a: AdoptResult, b: AdoptResult): boolean => sameSnapshots(a.adopted, b.adopted);
    const plan = await session.agree(makePlan, isSame, confirm);
    const failed: Failure[] = [];
    const adopted: Snapshot[] = [];
    for (const snapshot of plan.adopted) {
      throwIfAborted(signal);
      try {
        await session.volume.adopt(snapshot);
        adopted.push(snapshot);
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        failed.push({ snapshot, error });
      }
    }
    return { ...plan, adopted, failed };
  });
}
