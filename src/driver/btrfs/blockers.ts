import { fstatSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";

import { nestedSubvolumes, SUBVOLUME_INODE } from "../../sys/btrfs.ts";
import { identityOf, isSameFile, withDirectory } from "../../sys/directory.ts";
import { AT_FDCWD, isErrno } from "../../sys/libc.ts";
import { type Mount, readLoopDevices, readMounts, readSwapFiles } from "../../sys/mounts.ts";
import { processesOn, type ProcessUse } from "../../sys/processes.ts";
import { quote } from "../../text.ts";
import type { Blocker } from "../driver.ts";
import { processBlocker } from "../process-blocker.ts";
import { mountsBelow } from "./clone-mount.ts";
import { asideName } from "./names.ts";
import { mountOf, type Place, volumeRoot } from "./place.ts";

/** The subvolumes inside the volume or a snapshot beside it: a snapshot shows each as an empty directory only. */
export function nestedBlockers(place: Place, name: string): Blocker[] {
  return withDirectory(place.parent, name, nestedSubvolumes).map((path) => ({
    kind: "nested-subvolume",
    message: `${quote(name)} contains the subvolume ${quote(path)}, which a snapshot of it does not hold`,
    hint: "Make it a plain directory, or move it out of the volume",
  }));
}

/** Who has the live state in use: what the mount shows, where there is one. */
export async function processBlockers(place: Place, signal: AbortSignal | undefined): Promise<Blocker[]> {
  const [from, path] = place.isStale ? [AT_FDCWD, place.path] : [place.parent, place.base];
  const { dev } = withDirectory(from, path, (fd) => fstatSync(fd, { bigint: true }));
  // Of our own descriptors only those of its root are there for btm's sake.
  const look = (): Promise<ProcessUse[]> =>
    processesOn(new Set([dev]), { ownExcept: SUBVOLUME_INODE, fileSystem: mountOf(place)?.device, signal });
  let uses = await look();
  // Another btm that looks at the volume, or waits for its lock, has the root open for an instant.
  for (let looks = 1; looks < 4 && uses.length > 0 && uses.every(isRootOnly); looks++) {
    await setTimeout(25);
    uses = await look();
  }
  return uses.map(processBlocker);
}

function isRootOnly(use: ProcessUse): boolean {
  return use.how === "open file" && use.inode === SUBVOLUME_INODE;
}

/** The kernel keeps a file open as long as a loop device shows it; no process does. */
export function loopBlockers(place: Place): Blocker[] {
  return readLoopDevices().flatMap(({ device, file }): Blocker[] =>
    file.startsWith(`${place.path}/`)
      ? [
          {
            kind: "loop-device",
            message: `${device} shows the file ${quote(file)} in it`,
            hint: "Detach it first: losetup --detach",
          },
        ]
      : [],
  );
}

/** The kernel makes no snapshot of a volume with an active swap file in it (ETXTBSY). */
export function swapBlockers(place: Place): Blocker[] {
  return readSwapFiles()
    .filter((file) => file.startsWith(`${place.path}/`))
    .map((file) => ({
      kind: "swap-file",
      message: `${quote(file)} in it is an active swap file`,
      hint: "Turn it off with swapoff",
    }));
}

/**
 * What keeps a subvolume in "<volume>.btm" from being destroyed: the kernel would take away the mounts in it without a word.
 *
 * @param except where it may be mounted
 */
export function treeBlockers(place: Place, path: string, except?: string): Blocker[] {
  const mounts = mountsBelow(place, path).filter(({ mountPoint }) => mountPoint !== except);
  const beside = place.parentPath === undefined ? [] : [join(place.parentPath, asideName(place.base), path)];
  const shown = [...beside, ...(except === undefined ? [] : [except])];
  const isInside = (file: string): boolean => shown.some((folder) => file.startsWith(`${folder}/`));
  const inside = readMounts().filter(({ mountPoint }) => isInside(mountPoint));
  const nested = nestedBlockers(place, `${asideName(place.base)}/${path}`);
  return [
    ...nested.map((blocker) => ({ ...blocker, hint: "Destroy it first, or move it out" })),
    ...[...new Set([...mounts, ...inside].map(({ mountPoint }) => mountPoint))].map((mountPoint): Blocker => ({
      kind: "mount",
      message: `${quote(mountPoint)} is a mount of it, or in it`,
      hint: "Unmount it first",
    })),
    ...readLoopDevices()
      .filter(({ file }) => isInside(file))
      .map(({ device, file }): Blocker => ({
        kind: "loop-device",
        message: `${device} shows the file ${quote(file)} in it`,
        hint: "Detach it first: losetup --detach",
      })),
  ];
}

/** Mounts that would go on showing the old state, lie on top of the volume, or keep its name from being exchanged. */
export function mountBlockers(place: Place): Blocker[] {
  const root = volumeRoot(place);
  const device = mountOf(place)?.device;
  const inside = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);
  const blocker = (mount: Mount, what: string, hint: string): Blocker => ({
    kind: "mount",
    message: `${quote(mount.mountPoint)} ${what}`,
    hint,
  });
  return readMounts().flatMap((mount): Blocker[] => {
    // The kernel does not rename an entry that something is mounted on (is_local_mountpoint in fs/namei.c).
    if (isOnOwnEntry(place, mount)) {
      return [
        blocker(mount, "is mounted on the volume's own entry", "Unmount it: the volume is at the same path without it"),
      ];
    }
    if (mount.id === place.mount?.id) return [];
    if (mount.mountPoint.startsWith(`${place.path}/`)) {
      return [blocker(mount, "is mounted inside the volume", "Unmount it first")];
    }
    if (mount.device === device && inside(mount.root, root)) {
      const hint = "Unmount it first, and mount it again afterwards";
      return [blocker(mount, "is a mount of the volume as well, and would go on showing the old state", hint)];
    }
    return [];
  });
}

function isOnOwnEntry(place: Place, mount: Mount): boolean {
  if (basename(mount.mountPoint) !== place.base) return false;
  try {
    const around = withDirectory(AT_FDCWD, dirname(mount.mountPoint), identityOf);
    return isSameFile(around, identityOf(place.parent));
  } catch (error) {
    // Covered by another mount, or gone: then not where our volume is.
    if (isErrno(error, "ENOENT", "ENOTDIR", "ELOOP", "EACCES")) return false;
    throw error;
  }
}
