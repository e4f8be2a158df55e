import { BtrfsDisk } from "./btrfs-disk.ts";
import type { Disk } from "./disk.ts";
import { ZfsDisk } from "./zfs-disk.ts";

export type Layout = "zfs" | "btrfs beside" | "btrfs mounted";

export function diskOf(layout: Layout, folder: string): Disk {
  return layout === "zfs" ? new ZfsDisk(folder) : new BtrfsDisk(folder, layout === "btrfs mounted");
}
