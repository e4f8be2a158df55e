import { checkCallOptions } from "../call-options.ts";
import type { SnapshotRecord } from "../record.ts";
import { type HeightInput, parseHeight } from "../height.ts";
import type { CallOptions, PinResult } from "../results.ts";
import { snapshotAt, type Use } from "./use.ts";

/** Adds what was learnt of a snapshot to its record; what is not given stays as it is. */
export async function describe(
  { run }: Use,
  height: HeightInput,
  learnt: Pick<SnapshotRecord, "after" | "verified">,
  options: CallOptions,
): Promise<PinResult> {
  checkCallOptions("describe", options, {});
  const at = parseHeight(height);
  return run(options.signal, async (session) => {
    await session.lock();
    const snapshot = await snapshotAt(session, at, "describe");
    const record: SnapshotRecord = { ...snapshot.record, ...learnt, btm: 1 };
    await session.volume.describe(snapshot, record);
    return { snapshot: { ...snapshot, record }, recovered: session.recovered };
  });
}
