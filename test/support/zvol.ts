import { vi } from "vitest";

import { devicesOf } from "../../src/sys/zvol.ts";
import { quickRun } from "./quick-run.ts";

/** Makes a zvol with an ext4 on it; returns its device. */
export async function makeZvol(dataset: string): Promise<string> {
  await quickRun("zfs", ["create", "-s", "-V", "32M", dataset]);
  const device = await deviceOf(dataset);
  await quickRun("mkfs.ext4", ["-q", device]);
  return device;
}

/** The device of a zvol, or of a snapshot of one whose snapdev is visible: the kernel makes it when it finds the time. */
export function deviceOf(dataset: string): Promise<string> {
  return vi.waitFor(
    () => {
      const [device] = devicesOf((name) => name === dataset);
      if (device === undefined) throw new Error(`${dataset} has no device`);
      return device;
    },
    { timeout: 60_000 },
  );
}
