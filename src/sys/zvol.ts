import { readdirSync, readFileSync, realpathSync } from "node:fs";

import { close, ioctl, openDevice } from "./libc.ts";

/** _IOR(0x12, 125, char[256]) of include/os/linux/zfs/sys/zvol.h: what zvol_id asks, from which udev makes /dev/zvol. */
const BLKZNAME = 0x8100_127d;

/** The dataset that a block device shows; undefined when it shows none, or may not be opened. */
export function datasetOfDevice(path: string): string | undefined {
  const name = zvolName(path);
  if (name === undefined) return undefined;
  const device = `/dev/${name}`;
  let fd: number | undefined;
  try {
    fd = openDevice(device, { forWriting: false });
    const buffer = Buffer.alloc(256);
    ioctl("BLKZNAME", fd, BLKZNAME, buffer);
    return buffer.toString("utf8", 0, buffer.indexOf(0));
  } catch {
    // Gone, or not for us to open.
    return undefined;
  } finally {
    if (fd !== undefined) close(fd);
  }
}

/** The block devices of zvols, and of their snapshots where snapdev shows these, and the partitions of each. */
export function devicesOf(wanted: (dataset: string) => boolean): string[] {
  const names = readdirSync("/sys/block").filter((name) => {
    const dataset = /^zd\d+$/.test(name) ? datasetOfDevice(`/dev/${name}`) : undefined;
    return dataset !== undefined && wanted(dataset);
  });
  return names.flatMap((name) => {
    const partitions = entriesOf(`/sys/block/${name}`).filter((entry) => entry.startsWith(`${name}p`));
    return [name, ...partitions].map((device) => `/dev/${device}`);
  });
}

/** What the kernel has put on a block device: dm-crypt, LVM, RAID, by their names. */
export function holdersOf(device: string): string[] {
  return entriesOf(`/sys/class/block/${device.slice("/dev/".length)}/holders`);
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // Gone meanwhile.
    return [];
  }
}

/** Whether a block device is in use for swapping. */
export function isSwap(device: string): boolean {
  return readFileSync("/proc/swaps", "utf8")
    .split("\n")
    .some((line) => line.startsWith(`${device} `));
}

/** The kernel's name of a zvol's device, "zd16", also of a partition of it, or a link such as /dev/zvol/zroot/data. */
function zvolName(path: string): string | undefined {
  try {
    return /^\/dev\/(zd\d+)(p\d+)?$/.exec(realpathSync(path))?.[1];
  } catch {
    // No file: a mount's source may be any text.
    return undefined;
  }
}
