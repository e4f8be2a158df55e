import { existsSync } from "node:fs";

import type { Mode } from "../cfg.ts";
import { BtmError } from "../errors.ts";
import { fileSystemAt } from "../sys/file-system.ts";
import { isPath } from "../volume-name.ts";
import type { Driver, DriverDeps } from "./driver.ts";

/**
 * The mode of a volume that is given without one. A name is a dataset's. Of a path the file system tells; where that is
 * neither, it may be a zvol or what is mounted of one, or the place of a dataset that is not mounted, and otherwise the
 * Btrfs driver says what is wrong, or finishes a rollback that left its volume unmounted.
 */
export async function modeOf(volume: string, deps: DriverDeps): Promise<Mode> {
  if (!isPath(volume)) return "zfs";
  const type = fileSystemAt(volume);
  if (type === "btrfs" || type === "zfs") return type;
  if (!existsSync("/dev/zfs")) return "btrfs";
  const { ZfsCommand } = await import("./zfs/command.ts");
  const { datasetAt, unmountedAt } = await import("./zfs/locate.ts");
  const dataset = datasetAt(volume) ?? (await unmountedAt(volume, new ZfsCommand(deps)).catch(() => undefined));
  return dataset === undefined ? "btrfs" : "zfs";
}

/**
 * The driver of a mode. Drivers are loaded on demand: they bring koffi with them.
 *
 * @throws BtmError MODE_UNAVAILABLE
 */
export async function driverFor(mode: Mode, deps: DriverDeps): Promise<Driver> {
  switch (mode) {
    case "btrfs": {
      const { btrfsDriver } = await import("./btrfs/btrfs.ts");
      return btrfsDriver(deps);
    }
    case "zfs": {
      const { zfsDriver } = await import("./zfs/zfs.ts");
      return zfsDriver(deps);
    }
    case "external":
      throw new BtmError("MODE_UNAVAILABLE", "Cannot use mode external: this version of btm has no daemon", {
        hint: "Leave --mode out, or give zfs or btrfs",
      });
  }
}
