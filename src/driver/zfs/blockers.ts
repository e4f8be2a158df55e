import { join } from "node:path";

import { identityOf, withDirectory } from "../../sys/directory.ts";
import { AT_FDCWD, isErrno } from "../../sys/libc.ts";
import { deviceNumber, type Mount, readLoopDevices } from "../../sys/mounts.ts";
import { processesOn, processesWithDevice, type ProcessUse } from "../../sys/processes.ts";
import { holdersOf, isSwap } from "../../sys/zvol.ts";
import { quote } from "../../text.ts";
import type { Blocker } from "../driver.ts";
import { processBlocker } from "../process-blocker.ts";
import { isInside, isMountOf, type Place } from "./place.ts";

/** Other datasets mounted inside the volume: a snapshot of it does not hold them. */
export function childBlockers({ dataset, mount, mounts }: Place, named: ReadonlySet<string> = new Set()): Blocker[] {
  if (mount === undefined) return [];
  return mounts.flatMap((other): Blocker[] => {
    const isDataset = other.type === "zfs" && !other.source.includes("@") && other.source !== dataset;
    if (!isDataset || named.has(other.source) || !isInside(other.mountPoint, mount.mountPoint)) return [];
    const where = `${quote(other.source)} is mounted inside it at ${quote(other.mountPoint)}`;
    return [
      {
        kind: "child-dataset",
        message: `the dataset ${where}, which a snapshot of the volume does not hold`,
        hint: "Move its files into the volume, or mount it elsewhere",
      },
    ];
  });
}

/** Something else is to be seen at the place of the volume: to unmount there would be to unmount that. */
export function coverBlockers(mount: Mount): Blocker[] {
  const seen = mountIdAt(mount.mountPoint);
  if (seen === mount.id || seen === "hidden") return [];
  return [
    {
      kind: "mount",
      message: `something else is mounted over ${quote(mount.mountPoint)}, or over a directory above it`,
      hint: "Unmount that first; findmnt shows it",
    },
  ];
}

function mountIdAt(mountPoint: string): bigint | "hidden" | undefined {
  try {
    return withDirectory(AT_FDCWD, mountPoint, identityOf).mountId;
  } catch (error) {
    // To a user who may not look there; root, who alone unmounts, may.
    return isErrno(error, "EACCES", "EPERM") ? "hidden" : undefined;
  }
}

/** What keeps a mounted dataset from being unmounted: processes, loop devices, mounts on top of it, other mounts of it. */
export async function mountedBlockers(place: Place, signal: AbortSignal | undefined): Promise<Blocker[]> {
  const { dataset, mount, mounts } = place;
  if (mount === undefined) return otherMounts(place);
  const inSnapshots = mounts.filter((other) => other.type === "zfs" && other.source.startsWith(`${dataset}@`));
  const uses = [...(await usesOf(mount, signal))];
  for (const shown of inSnapshots) {
    // What the kernel mounts by itself below .zfs goes with the volume, unless somebody is in it.
    if (isInside(shown.mountPoint, mount.mountPoint)) uses.push(...(await usesOf(shown, signal)));
  }
  const processes = uses.filter(({ pid }, i) => uses.findIndex((use) => use.pid === pid) === i);
  return [
    ...coverBlockers(mount),
    ...processes.map(processBlocker),
    ...loopBlockers((file) => isInside(file, mount.mountPoint)),
    ...mounts.filter((other) => isOnTop(other, mount)).map(mountedInside),
    ...otherMounts(place),
  ];
}

/** A snapshot that is mounted somewhere cannot be destroyed. */
export function snapshotMountBlockers(place: Place, names: ReadonlySet<string>): Blocker[] {
  const { mount, mounts } = place;
  return mounts
    .filter((other) => other.type === "zfs" && names.has(other.source))
    .filter((other) => mount === undefined || !isInside(other.mountPoint, mount.mountPoint))
    .map((other) => ({
      kind: "mount",
      message: `the snapshot ${quote(other.source)}, which would be destroyed, is mounted at ${quote(other.mountPoint)}`,
      hint: "Unmount it first",
    }));
}

/** What has a block device of a zvol in use: mounts, swap, what is stacked on it, processes. */
export async function deviceBlockers(device: string, mounts: readonly Mount[]): Promise<Blocker[]> {
  const stacked = (by: string, hint: string): Blocker => ({
    kind: "block-device",
    message: `its device ${device} is in use by ${quote(by)}`,
    hint,
  });
  return [
    ...mounts
      .filter(({ source }) => source === device)
      .map((mount): Blocker => ({
        kind: "mount",
        message: `the file system on it (${device}) is mounted at ${quote(mount.mountPoint)}`,
        hint: "Stop the node and unmount it first; mount it again afterwards",
      })),
    ...holdersOf(device).map((holder) =>
      stacked(`/dev/${holder}`, "Take that down first: cryptsetup close, vgchange -an, mdadm --stop or dmsetup remove"),
    ),
    ...(isSwap(device) ? [stacked("swap", "swapoff it first")] : []),
    ...loopBlockers((file) => file === device),
    ...(await processesWithDevice(device)).map(processBlocker),
  ];
}

function usesOf(mount: Mount, signal: AbortSignal | undefined): Promise<ProcessUse[]> {
  // We hold no descriptor of it.
  return processesOn(new Set([deviceNumber(mount.device)]), { ownExcept: -1n, fileSystem: mount.device, signal });
}

function loopBlockers(isOurs: (file: string) => boolean): Blocker[] {
  return readLoopDevices()
    .filter(({ file }) => isOurs(file))
    .map(({ device, file }) => ({
      kind: "loop-device",
      message: `${device} shows ${quote(file)}`,
      hint: "Detach it first: losetup --detach",
    }));
}

/** Other datasets are named as children; the kernel's own mounts of snapshots, below .zfs, it takes away by itself. */
function isOnTop(other: Mount, mount: Mount): boolean {
  if (!isInside(other.mountPoint, mount.mountPoint)) return false;
  if (other.type !== "zfs") return true;
  return other.source.includes("@") && !isInside(other.mountPoint, join(mount.mountPoint, ".zfs"));
}

function mountedInside(mount: Mount): Blocker {
  return {
    kind: "mount",
    message: `${quote(mount.mountPoint)} is mounted inside the volume`,
    hint: "Unmount it first",
  };
}

function otherMounts({ dataset, mount, mounts }: Place): Blocker[] {
  return mounts
    .filter((other) => isMountOf(other, dataset) && other.id !== mount?.id)
    .map((other) => ({
      kind: "mount",
      message: `${quote(other.mountPoint)} is a mount of the volume as well`,
      hint: "Unmount it first, and mount it again afterwards",
    }));
}
