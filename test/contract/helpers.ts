import { Btm, type BtmOptions } from "../../src/index.ts";
import type { Snapshot } from "../../src/index.ts";
import type { TestVolume } from "../support/volumes.ts";

/** A btm for a volume of a test: every tenth height, no thinning unless asked for. Calls may wait long on a slow machine. */
export function btmOf(volume: TestVolume, options: Partial<BtmOptions> = {}): Btm {
  return new Btm({ volume: volume.volume, itv: 10, cap: 100, lockTimeoutMs: 120_000, ...options });
}

/** Writes the height into the volume and takes the snapshot of it, for each height in turn. */
export async function grow(btm: Btm, volume: TestVolume, heights: readonly (bigint | number)[]): Promise<void> {
  for (const height of heights) {
    volume.write("height", String(height));
    await btm.snapshot(height);
  }
}

export function heightsOf(snapshots: readonly Snapshot[]): bigint[] {
  return snapshots.map((snapshot) => snapshot.height);
}

/** "1: 20 down to 0, with 10, 20". */
export async function pointsOf(btm: Btm): Promise<string[]> {
  return (await btm.undoPoints()).map(({ number, from, to, snapshots }) => {
    return `${String(number)}: ${String(from)} down to ${String(to)}, with ${heightsOf(snapshots).join(", ")}`;
  });
}

export async function listed(btm: Btm): Promise<bigint[]> {
  return heightsOf(await btm.list());
}
