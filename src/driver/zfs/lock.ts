import { createHash } from "node:crypto";
import { setTimeout } from "node:timers/promises";

import { BtmError, throwIfAborted } from "../../errors.ts";
import { close, isErrno, openDevice, tryLockByte } from "../../sys/libc.ts";
import { byteLockHolder } from "../../sys/processes.ts";
import { lockedError } from "../locked.ts";
import { ZFS_DEVICE } from "./names.ts";

/**
 * The lock of a volume: a byte of /dev/zfs, told by the name of the dataset. A dataset has no file that is there whether or
 * not it is mounted, and that could be held open without keeping it from being unmounted; whoever can change a dataset
 * can open this device. It costs no file, goes with its holder, and a zfs command that outlives btm holds it on.
 *
 * It is one lock for all containers that share /dev; one with a device node of its own has a lock of its own.
 */
export class DatasetLock {
  readonly fd: number;

  private constructor(fd: number) {
    this.fd = fd;
  }

  /** Takes the lock if it is free. */
  static try(dataset: string): DatasetLock | undefined {
    const fd = openDevice(ZFS_DEVICE, { forWriting: true });
    let isLocked = false;
    try {
      isLocked = tryLockByte(fd, byteOf(dataset));
      return isLocked ? new DatasetLock(fd) : undefined;
    } finally {
      if (!isLocked) close(fd);
    }
  }

  static async take(dataset: string, timeoutMs: number, signal: AbortSignal | undefined): Promise<DatasetLock> {
    const start = Date.now();
    for (;;) {
      throwIfAborted(signal);
      const lock = DatasetLock.try(dataset);
      if (lock !== undefined) return lock;
      const waitedMs = Date.now() - start;
      if (waitedMs >= timeoutMs) {
        throw await lockedError(dataset, await byteLockHolder(ZFS_DEVICE, byteOf(dataset)), waitedMs);
      }
      await setTimeout(Math.min(POLL_MS, timeoutMs - waitedMs));
    }
  }

  close(): void {
    close(this.fd);
  }
}

/** What a failure to open the device means. */
export function explainDevice(action: string, error: unknown): unknown {
  if (isErrno(error, "EACCES", "EPERM")) {
    return new BtmError("PERMISSION_DENIED", `Cannot ${action}: ${ZFS_DEVICE} may not be opened`, {
      hint: "Run it as root; for delegation by zfs allow, udev must make the device accessible to all, as OpenZFS does",
      cause: error,
    });
  }
  if (isErrno(error, "ENOENT", "ENXIO", "ENODEV")) {
    return new BtmError("ZFS_UNAVAILABLE", `Cannot ${action}: the ZFS kernel module is not loaded`, {
      hint: "modprobe zfs",
      cause: error,
    });
  }
  return error;
}

/** Below 2^62, so that it can be the position in a file. */
function byteOf(dataset: string): bigint {
  return createHash("sha256").update(dataset).digest().readBigUInt64LE(0) >> 2n;
}

/** Nobody has to be quicker than this. */
const POLL_MS = 20;
