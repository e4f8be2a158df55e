import { checkCallOptions } from "../call-options.ts";
import { parseCap, parseKept } from "../cfg.ts";
import type { ThinOptions, ThinResult } from "../results.ts";
import { beyondCap } from "./snapshot.ts";
import { failuresOf, isOurs, type Use } from "./use.ts";

export async function thin({ cfg, run }: Use, options: ThinOptions): Promise<ThinResult> {
  checkCallOptions("thin", options, { cap: "any", atMost: "any" });
  const cap = parseCap(options.cap);
  const atMost = parseKept(options.atMost ?? Number.MAX_SAFE_INTEGER);
  return run(options.signal, async (session) => {
    await session.lock();
    const { volume, recovered } = session;
    const ours = (await volume.snapshots()).filter(isOurs);
    const head = ours.at(-1)?.height;
    if (head === undefined) return { removed: [], failed: [], recovered };
    const excess = beyondCap({ algo: cfg.algo, cap }, ours, head).slice(0, atMost);
    const outcomes = await volume.destroy(excess, options.signal);
    const removed = outcomes.flatMap(({ snapshot, error }) => (error === undefined ? [snapshot] : []));
    return { removed, failed: failuresOf(outcomes), recovered };
  });
}
