import type { BtmCfg } from "../cfg.ts";
import type { Snapshot } from "../driver/driver.ts";
import type { Height } from "../height.ts";
import { beyondCap } from "./snapshot.ts";
import { isOurs, mustStay } from "./use.ts";

/**
 * What goes of each volume of a group, ascending. By the heights of all, and what one must keep all keep: so they go on
 * having the same heights.
 */
export function excessOf(
  cfg: Pick<BtmCfg, "algo" | "cap">,
  seen: readonly (readonly Snapshot[])[],
  head: Height,
): Snapshot[][] {
  const ours = seen.map((snapshots) => snapshots.filter(isOurs));
  const candidates = new Map<Height, Snapshot>();
  for (const snapshot of ours.flat()) {
    if (!candidates.has(snapshot.height) || mustStay(snapshot)) candidates.set(snapshot.height, snapshot);
  }
  const gone = new Set(beyondCap(cfg, [...candidates.values()], head).map(({ height }) => height));
  return ours.map((snapshots) => snapshots.filter(({ height }) => gone.has(height)));
}
