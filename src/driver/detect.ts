import type { Mode } from "../cfg.ts";
import { BtmError } from "../errors.ts";
import type { Driver, DriverDeps } from "./driver.ts";

/**
 * The driver for a mode. Without one, what the volume is tells it: a path is a Btrfs subvolume. Drivers are loaded on
 * demand: they bring koffi with them.
 *
 * @throws BtmError MODE_UNAVAILABLE
 */
export async function driverFor(mode: Mode | undefined, deps: DriverDeps): Promise<Driver> {
  switch (mode) {
    case undefined:
    case "btrfs": {
      const { btrfsDriver } = await import("./btrfs/btrfs.ts");
      return btrfsDriver(deps);
    }
    case "zfs":
    case "external":
      throw new BtmError("MODE_UNAVAILABLE", `Cannot use mode ${mode}: this version of btm works on Btrfs only`, {
        hint: "Leave --mode out, or give btrfs",
      });
  }
}
