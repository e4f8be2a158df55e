import { checkCallOptions } from "../call-options.ts";
import { isBtmError } from "../errors.ts";
import type { CallOptions, Overview } from "../results.ts";
import type { Use } from "./use.ts";

export async function overview({ run }: Use, options: CallOptions): Promise<Overview> {
  checkCallOptions("overview", options, {});
  return run(options.signal, async ({ volume }) => ({
    snapshots: await volume.snapshots(),
    clones: await volume.clones(),
    undoPoints: await ifAllowed(volume.undoPoints()),
    pending: (await ifAllowed(volume.pending())) ?? [],
  }));
}

/** On Btrfs undo points are closed to others than root, who may well see the snapshots. */
async function ifAllowed<T>(looking: Promise<T>): Promise<T | undefined> {
  try {
    return await looking;
  } catch (error) {
    if (isBtmError(error) && error.code === "PERMISSION_DENIED") return undefined;
    throw error;
  }
}
