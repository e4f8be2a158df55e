/** What the demo needs of a machine, and what to do where it is missing. */
import { execFile } from "node:child_process";
import { accessSync, constants, readFileSync, statfsSync } from "node:fs";
import { release, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { searchPath } from "./run.ts";

/** /usr/bin/litecoind of the Debian package is a shell script around this that writes into the home folder. */
export const LITECOIND = "/usr/lib/litecoin/litecoind";

/** Several times what the demo takes. */
const ROOM_BYTES = 200e6;

export interface Machine {
  readonly platform: string;
  readonly kernel: string;
  readonly isRoot: boolean;
  readonly hasBtrfs: boolean;
  readonly hasLoop: boolean;
  readonly hasMkfs: boolean;
  readonly hasLitecoind: boolean;
  /** Where the image will be. */
  readonly tmp: string;
  readonly hasRoom: boolean;
  /** Where the executable should be, and whether it is. */
  readonly btm: string;
  readonly hasBtm: boolean;
}

export interface Missing {
  readonly what: string;
  readonly todo: string;
}

export async function lookAtMachine(btm: string): Promise<Machine> {
  return {
    platform: process.platform,
    kernel: release(),
    isRoot: process.geteuid?.() === 0,
    hasBtrfs: isBtrfsListed() || ((await loadModule("btrfs")) && isBtrfsListed()),
    hasLoop: canUse("/dev/loop-control") || ((await loadModule("loop")) && canUse("/dev/loop-control")),
    hasMkfs: searchPath.split(":").some((folder) => canUse(join(folder, "mkfs.btrfs"))),
    hasLitecoind: canUse(LITECOIND),
    tmp: tmpdir(),
    hasRoom: canUse(tmpdir()) && freeBytes(tmpdir()) >= ROOM_BYTES,
    btm,
    hasBtm: canUse(btm),
  };
}

/** All of it at once, so that nobody has to come back for the next. */
export function whatIsMissing(machine: Machine): Missing[] {
  if (machine.platform !== "linux") {
    return [
      {
        what: `Linux: this is ${machine.platform}, and Btrfs is a file system of Linux`,
        todo: "Run the demo on a Linux machine, a virtual one will do",
      },
    ];
  }
  const missing: Missing[] = [];
  const need = (has: boolean, what: string, todo: string): void => {
    if (!has) missing.push({ what, todo });
  };
  need(machine.isRoot, "root: only root may mount a file system", "Run it as root: sudo make demo");
  need(
    machine.hasBtrfs,
    `Btrfs in the running kernel: ${machine.kernel} does not list it in /proc/filesystems, and "modprobe btrfs" did not help`,
    "Run a kernel that has it, as the standard ones of Debian do (apt-get install linux-image-amd64, then reboot); in a container, run modprobe btrfs on the host",
  );
  need(
    machine.hasLoop,
    "loop devices: there is no /dev/loop-control",
    "Run: modprobe loop. In a container, start it with --privileged",
  );
  need(machine.hasMkfs, "mkfs.btrfs", "Run: apt-get install btrfs-progs");
  need(
    machine.hasLitecoind,
    `litecoind, the node of the demo, at ${LITECOIND}`,
    "Run: apt-get install --no-install-recommends litecoind",
  );
  need(
    machine.hasRoom,
    `200 MB free in ${machine.tmp}, for the disk of the node`,
    "Make room there, or name another folder: TMPDIR=/path make demo",
  );
  need(machine.hasBtm, `btm itself, at ${machine.btm}`, "Build it: make");
  return missing;
}

function isBtrfsListed(): boolean {
  try {
    return /\tbtrfs$/m.test(readFileSync("/proc/filesystems", "utf8"));
  } catch {
    return false;
  }
}

function canUse(path: string): boolean {
  try {
    accessSync(path, constants.F_OK);
    return true;
  } catch {
    return false;
  }
}

function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

/** False when there is no such module, no modprobe, or no permission. */
async function loadModule(name: string): Promise<boolean> {
  try {
    await promisify(execFile)("modprobe", [name], { env: { PATH: searchPath } });
    return true;
  } catch {
    return false;
  }
}
