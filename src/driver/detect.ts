import { existsSync } from "node:fs";

import type { Mode } from "../cfg.ts";
import { BtmError } from "../errors.ts";
import { fileSystemAt, isSubvolume } from "../sys/file-system.ts";
import { isPath } from "../volume-name.ts";
import type { Driver, DriverDeps } from "./driver.ts";

/**
 * The mode of a volume that is given without one. A name is a dataset's. Of a path the file system tells; where that does
 * not, it may be a zvol or what is mounted of one, or where a dataset was mounted until a rollback was interrupted, and
 * otherwise the Btrfs driver says what is wrong, or finishes such a rollback of its own.
 */
export async function modeOf(volume: string, deps: DriverDeps): Promise<Mode> {
  if (!isPath(volume)) return "zfs";
  const type = fileSystemAt(volume);
  if (type === "zfs") return "zfs";
  if ((type === "btrfs" && isSubvolume(volume)) || !existsSync("/dev/zfs")) return "btrfs";
  const { ZfsCommand } = await import("./zfs/command.ts");
  const { findDataset } = await import("./zfs/locate.ts");
  try {
    const found = await findDataset(volume, new ZfsCommand(deps));
    return typeof found === "string" || found.code === "NOT_A_DATASET" ? "zfs" : "btrfs";
  } catch {
    // A ZFS that does not work is no reason to refuse what may be Btrfs.
    return "btrfs";
  }
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
      throw new BtmError(
        "MODE_UNAVAILABLE",
        "Cannot do this in mode external: the daemon takes snapshots and lists them, nothing else",
        {
          hint: "Do it as root, and leave --mode out",
        },
      );
  }
}
