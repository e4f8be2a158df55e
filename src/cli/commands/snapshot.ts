import { existsSync } from "node:fs";

import type { Btm } from "../../btm.ts";
import { BtmError, isBtmError } from "../../errors.ts";
import type { SnapshotResult } from "../../results.ts";
import { escapeText } from "../../text.ts";
import { type Command, type CommonFlags, type Context, makeBtm, noteRecovered, volumeJson } from "../context.ts";
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
  const { output } = context;
  const { dryRun = false } = flags;
  const { btm, result } = await takeOrAsk(flags, context);
  noteRecovered(context, result.recovered);
  output.result(takenJson(volumeJson(btm, context), result));
  output.line(sentence(escapeText(btm.cfg.volume), result));
  if (result.pruned.length > 0) output.line(`${dryRun ? "Would remove" : "Removed"} ${heightsText(result.pruned)}`);
  for (const { error } of result.failed) output.warn(`${error.message}; it is tried again next time`);
  return 0;
};

interface Taken {
  readonly btm: Btm;
  readonly result: SnapshotResult;
}

/** Who may not touch the volume asks the daemon, when there is one and nothing is wanted that it decides by itself. */
async function takeOrAsk(flags: SnapshotFlags, context: Context): Promise<Taken> {
  const { itv, cap, algo, dryRun = false, mode } = flags;
  const { signal } = context;
  const rule = {
    ...(itv === undefined ? {} : { itv }),
    ...(cap === undefined ? {} : { cap }),
    ...(algo === undefined ? {} : { algo }),
  };
  const isPlain = Object.keys(rule).length === 0 && !dryRun;
  const isExternal = mode?.toLowerCase() === "external";
  if (isExternal && !isPlain) {
    throw new BtmError("BAD_USAGE", "Cannot use --itv, --cap, --algo or --dry-run with mode external", {
      hint: "The daemon has them in its configuration",
    });
  }
  const btm = makeBtm(flags, context, rule);
  if (isExternal) return { btm, result: await btm.snapshot(flags.snapshotId, { signal }) };
  try {
    const prune = cap !== undefined || algo !== undefined;
    return { btm, result: await btm.snapshot(flags.snapshotId, { force: itv === undefined, prune, dryRun, signal }) };
  } catch (error) {
    const mayAsk = isBtmError(error) && error.code === "PERMISSION_DENIED" && isPlain && mode === undefined;
    if (!mayAsk || !existsSync(btm.cfg.socket)) throw error;
    context.output.note(`Asking the daemon: ${error.message}`);
    const external = makeBtm({ ...flags, mode: "external" }, context);
    return { btm: external, result: await external.snapshot(flags.snapshotId, { signal }) };
  }
}

function sentence(volume: string, { height, taken, reason, last, winner, dryRun }: SnapshotResult): string {
  const name = `the snapshot of ${volume} at ${String(height)}`;
  if (taken) return dryRun ? `Would take ${name}` : `Took ${name}`;
  if (reason === "exists") return `Nothing to do: ${name} exists`;
  if (reason === "superseded")
    return `Skipped: ${String(winner)} is due as well, and taken instead of ${String(height)}`;
  if (reason === "pending") return `The daemon goes on with ${name}: it was not done in time`;
  return `Nothing to do: ${String(height)} is not due, the newest snapshot at or below it is ${String(last)}`;
}
