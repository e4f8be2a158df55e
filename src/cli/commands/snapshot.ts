import type { SnapshotResult } from "../../results.ts";
import { escapeText } from "../../text.ts";
import { type Command, type CommonFlags, makeBtm, noteRecovered, volumeJson } from "../context.ts";
import { takenJson } from "../json.ts";
import { heightsText } from "../words.ts";

export interface SnapshotFlags extends CommonFlags {
  readonly snapshotId: string;
  readonly itv?: string;
  readonly cap?: string;
  readonly algo?: string;
  readonly dryRun?: boolean;
}

/** Without --itv it is taken whatever there is; without --cap and --algo nothing is removed. */
export const snapshot: Command<SnapshotFlags> = async (flags, context) => {
  const { output, signal } = context;
  const { itv, cap, algo, dryRun = false } = flags;
  const btm = makeBtm(flags, context, {
    ...(itv === undefined ? {} : { itv }),
    ...(cap === undefined ? {} : { cap }),
    ...(algo === undefined ? {} : { algo }),
  });
  const prune = cap !== undefined || algo !== undefined;
  const result = await btm.snapshot(flags.snapshotId, { force: itv === undefined, prune, dryRun, signal });
  noteRecovered(context, result.recovered);
  output.result(takenJson(volumeJson(btm, context), result));
  output.line(sentence(escapeText(btm.cfg.volume), result));
  if (result.pruned.length > 0) output.line(`${dryRun ? "Would remove" : "Removed"} ${heightsText(result.pruned)}`);
  for (const { error } of result.failed) output.warn(`${error.message}; it is tried again next time`);
  return 0;
};

function sentence(volume: string, { height, taken, reason, last, dryRun }: SnapshotResult): string {
  const name = `the snapshot of ${volume} at ${String(height)}`;
  if (taken) return dryRun ? `Would take ${name}` : `Took ${name}`;
  if (reason === "exists") return `Nothing to do: ${name} exists`;
  return `Nothing to do: ${String(height)} is not due, the newest snapshot at or below it is ${String(last)}`;
}
