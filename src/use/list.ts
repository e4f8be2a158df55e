import { checkCallOptions } from "../call-options.ts";
import type { Snapshot } from "../driver/driver.ts";
import type { CallOptions } from "../results.ts";
import type { Use } from "./use.ts";

export async function list({ run }: Use, options: CallOptions): Promise<Snapshot[]> {
  checkCallOptions("list", options, {});
  return run(options.signal, ({ volume }) => volume.snapshots());
}
