import { checkCallOptions } from "../call-options.ts";
import type { CallOptions, Overview } from "../results.ts";
import type { Use } from "./use.ts";

export async function overview({ run }: Use, options: CallOptions): Promise<Overview> {
  checkCallOptions("overview", options, {});
  return run(options.signal, async ({ volume }) => ({
    snapshots: await volume.snapshots(),
    clones: await volume.clones(),
    undoPoints: await volume.undoPoints(),
  }));
}
