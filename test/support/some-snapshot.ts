import type { Snapshot } from "../../src/driver/driver.ts";
import { parseHeight } from "../../src/height.ts";

/** A snapshot of ours for what only reads lists; what a test is about it says itself. */
export function someSnapshot(height: number | bigint, rest: Partial<Snapshot> = {}): Snapshot {
  return {
    height: parseHeight(height),
    name: `data@${String(height)}`,
    path: undefined,
    createdAt: new Date(0),
    mark: { btm: 1, height: String(height), volume: "data", origin: "u" },
    pinned: false,
    note: undefined,
    neededBy: [],
    uuid: String(height),
    ...rest,
  };
}
