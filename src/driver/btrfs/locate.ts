import { statfsSync, statSync } from "node:fs";
import { realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

import { BtmError, type BtmErrorCode, isBtmError } from "../../errors.ts";
import { quote } from "../../text.ts";
import { BTRFS_SUPER_MAGIC, SUBVOLUME_INODE, subvolumeInfo, TOP_LEVEL_ID } from "../../sys/btrfs.ts";
import { identityOf, isSameFile, withDirectory } from "../../sys/directory.ts";
import { AT_FDCWD, close, getAttribute, isErrno, mountDetached, openDirectoryAt } from "../../sys/libc.ts";
import { type Mount, mountAttributes, readMounts } from "../../sys/mounts.ts";
import { checkVolumeName } from "../../volume-name.ts";
import type { StepObserver } from "../driver.ts";
import { explain } from "./failure.ts";
import { asideName, ATTRIBUTE, LIVE, undoNumber } from "./names.ts";
import { finishRemount } from "./remount.ts";

/** Where a volume is, and how to work beside it. */
export interface Place {
  /** The path of the volume, without symbolic links. */
  readonly path: string;
  /** Its name in the directory that holds it, and the base of the names of its snapshots. */
  readonly base: string;
  /** An open descriptor of that directory: all work is done relative to it. */
  readonly parent: number;
  /** The path of that directory; undefined when the volume is a mount point and no mount of ours shows it. */
  readonly parentPath: string | undefined;
  /** The mount whose root is the volume (a line like /data with subvol=data in fstab); undefined when it has none. */
  readonly mount: Mount | undefined;
  /** The uuid of the subvolume that the name leads to. */
  readonly uuid: string;
  /** The mount still shows the live state that an interrupted rollback moved aside. */
  readonly isStale: boolean;
  close(): void;
}

/**
 * Finds a volume without changing anything.
 *
 * Two layouts: a subvolume in a directory that can be reached, whose snapshots are its siblings; and a subvolume that is a
 * mount point itself, whose siblings are reached through a detached mount of the top level. The top-level subvolume has no
 * siblings, and is refused.
 */
export async function locate(volume: string, onStep: StepObserver): Promise<Place> {
  try {
    return await find(volume);
  } catch (error) {
    // A rollback that was killed between unmounting and mounting is finished first, then the volume is there.
    const isGone = isBtmError(error) && UNMOUNTED.has(error.code);
    if (!isGone || !(await finishRemount(volume, onStep))) throw error;
    return find(volume);
  }
}

/** What the mount point of a volume that is not mounted may look like. */
const UNMOUNTED: ReadonlySet<BtmErrorCode> = new Set([
  "VOLUME_MISSING",
  "NOT_BTRFS",
  "NOT_A_SUBVOLUME",
  "IS_TOP_LEVEL",
]);

async function find(volume: string): Promise<Place> {
  const path = checkVolumeName(await resolveBtrfsDirectory(volume));
  try {
    return await withDirectory(AT_FDCWD, path, (root) => {
      const identity = identityOf(root);
      if (identity.inode !== SUBVOLUME_INODE) throw notASubvolume(path);
      if (subvolumeInfo(root).id === TOP_LEVEL_ID) throw topLevel(path);
      return identity.isMountRoot ? mountPlace(path, identity.mountId, root) : siblingPlace(path, root);
    });
  } catch (error) {
    throw explain(`open the volume ${quote(path)}`, error);
  }
}

/** The real path of the volume, once it is a directory on Btrfs. */
async function resolveBtrfsDirectory(volume: string): Promise<string> {
  const fail = (
    code: "VOLUME_MISSING" | "NOT_A_DIRECTORY" | "NOT_BTRFS" | "PERMISSION_DENIED",
    what: string,
    hint: string,
    cause?: unknown,
  ): BtmError => new BtmError(code, `Cannot use the volume ${quote(volume)}: ${what}`, { hint, cause });
  try {
    const path = await realpath(volume);
    // The lookup may wait for a disk; what it found is in memory now.
    if (!statSync(path).isDirectory()) {
      throw fail(
        "NOT_A_DIRECTORY",
        "it is not a directory",
        "Give the path of a Btrfs subvolume; its data directory, not a file in it",
      );
    }
    if (statfsSync(path).type !== BTRFS_SUPER_MAGIC) {
      throw fail(
        "NOT_BTRFS",
        "it is not on a Btrfs file system",
        "Make a Btrfs file system and move the data there: docs/moving-a-node-to-btrfs.md",
      );
    }
    return path;
  } catch (error) {
    if (isBtmError(error) || !(error instanceof Error) || !("code" in error)) throw error;
    switch (error.code) {
      case "ENOENT":
      case "ENOTDIR":
        throw fail(
          "VOLUME_MISSING",
          "it does not exist",
          "Check the path; if it is a mount point, check that it is mounted",
          error,
        );
      case "EACCES":
      case "EPERM":
        throw fail("PERMISSION_DENIED", "it may not be looked at", "Run it as root", error);
      default:
        throw fail("VOLUME_MISSING", error.message, "Check the path", error);
    }
  }
}

function siblingPlace(path: string, root: number): Place {
  const base = basename(path);
  const parentPath = dirname(path);
  const parent = openDirectoryAt(AT_FDCWD, parentPath);
  const place = {
    path,
    base,
    parent,
    uuid: subvolumeInfo(root).uuid,
    parentPath,
    mount: undefined,
    isStale: false,
    close: () => {
      close(parent);
    },
  };
  try {
    mustBeChild(place, root);
    return place;
  } catch (error) {
    close(parent);
    throw error;
  }
}

async function mountPlace(path: string, mountId: bigint, root: number): Promise<Place> {
  const mount = readMounts().find((candidate) => candidate.id === mountId);
  if (mount === undefined)
    throw new BtmError("SYSTEM_ERROR", `Cannot find the mount of ${quote(path)} in /proc/self/mountinfo`);
  const topLevel = await openTopLevel(path, mount);
  try {
    const stale = staleVolume(topLevel, mount);
    const fsPath = stale ?? mount.root;
    const base = basename(checkVolumeName(fsPath));
    const parent = openDirectoryAt(topLevel, `.${dirname(fsPath)}`);
    const place = {
      path,
      base,
      parent,
      uuid: withDirectory(parent, base, subvolumeInfo).uuid,
      parentPath: undefined,
      mount,
      isStale: stale !== undefined,
      close: () => {
        close(parent);
      },
    };
    if (!place.isStale) mustBeChild(place, root);
    return place;
  } finally {
    // The descriptor of the parent keeps the detached mount; the O_PATH one of its root is not needed any more.
    close(topLevel);
  }
}

/**
 * The top level of the file system, mounted nowhere, with the attributes of the mount of the volume; read-only where that
 * is read-only, and a file system that is read-only as a whole stays so.
 */
async function openTopLevel(path: string, mount: Mount): Promise<number> {
  const readOnly: Record<string, string> = mount.superOptions.includes("ro") ? { ro: "" } : {};
  try {
    return await mountDetached(
      "btrfs",
      { source: mount.source, subvolid: String(TOP_LEVEL_ID), ...readOnly },
      mountAttributes(mount.options),
    );
  } catch (error) {
    if (isErrno(error, "EPERM")) {
      throw new BtmError(
        "PERMISSION_DENIED",
        `Cannot reach what lies beside ${quote(path)}: it is a mount point, and looking beside it needs root`,
        {
          hint: "Run it as root",
          cause: error,
        },
      );
    }
    throw error;
  }
}

/** Whether the place is as it was found: another btm may have rolled the volume back meanwhile. */
export function isCurrent(place: Place): boolean {
  if (withDirectory(place.parent, place.base, subvolumeInfo).uuid !== place.uuid) return false;
  return place.mount === undefined || withDirectory(AT_FDCWD, place.path, identityOf).mountId === place.mount.id;
}

/** The mount through which the volume or what lies beside it is seen. */
export function mountOf(place: Place): Mount | undefined {
  if (place.mount !== undefined) return place.mount;
  const { mountId } = identityOf(place.parent);
  return readMounts().find((candidate) => candidate.id === mountId);
}

/** The path of the volume inside its file system. */
export function volumeRoot(place: Place): string {
  if (place.mount !== undefined) {
    return place.isStale ? place.mount.root.split("/").slice(0, -3).join("/") + `/${place.base}` : place.mount.root;
  }
  const mount = mountOf(place);
  if (mount === undefined) return place.path;
  const below = mount.mountPoint === "/" ? place.path : place.path.slice(mount.mountPoint.length);
  return join(mount.root, below);
}

/**
 * The id of the subvolume that a mount without subvol= shows, found by such a mount; undefined when we may not make one.
 */
export async function defaultSubvolume(place: Place): Promise<bigint | undefined> {
  const mount = mountOf(place);
  if (mount === undefined) return undefined;
  let root: number;
  try {
    root = await mountDetached("btrfs", { source: mount.source }, mountAttributes(mount.options));
  } catch (error) {
    if (isErrno(error, "EPERM")) return undefined;
    throw error;
  }
  try {
    return withDirectory(root, ".", subvolumeInfo).id;
  } finally {
    close(root);
  }
}

/**
 * When a rollback was interrupted after the switch and before the new mount, the mount shows "<volume>.btm/undo-<n>/live".
 * The journal there tells it from an undo point that someone mounted to look at, which is no volume.
 */
function staleVolume(topLevel: number, mount: Mount): string | undefined {
  const undo = dirname(mount.root);
  const aside = dirname(undo);
  if (basename(mount.root) !== LIVE || undoNumber(basename(undo)) === undefined || !aside.endsWith(asideName("")))
    return undefined;
  if (withDirectory(topLevel, `.${aside}`, (fd) => getAttribute(fd, ATTRIBUTE.journal)) !== undefined) {
    return aside.slice(0, -asideName("").length);
  }
  throw new BtmError(
    "NOT_A_SUBVOLUME",
    `Cannot use ${quote(mount.mountPoint)} as a volume: it is the undo point ${quote(mount.root)}`,
    {
      hint: "Give the volume that it is an undo point of",
    },
  );
}

/** A descriptor opened by path is of the volume only if the parent agrees: a bind mount or a race would differ. */
function mustBeChild(place: Omit<Place, "close">, root: number): void {
  const child = withDirectory(place.parent, place.base, identityOf);
  if (!isSameFile(child, identityOf(root))) {
    throw new BtmError(
      "NOT_A_SUBVOLUME",
      `Cannot use the volume ${quote(place.path)}: its directory shows another one under its name`,
      {
        hint: "It was renamed or mounted over in this moment: try again",
      },
    );
  }
}

function notASubvolume(path: string): BtmError {
  return new BtmError(
    "NOT_A_SUBVOLUME",
    `Cannot use the volume ${quote(path)}: it is a plain directory, not a Btrfs subvolume`,
    {
      hint: "Stop the node, then: mv DIR DIR.old; btrfs subvolume create DIR; cp -a --reflink=always DIR.old/. DIR/; and remove DIR.old when the node is well",
    },
  );
}

function topLevel(path: string): BtmError {
  return new BtmError(
    "IS_TOP_LEVEL",
    `Cannot use the volume ${quote(path)}: it is the top level of its file system, which cannot be exchanged for a snapshot`,
    {
      hint: "Put the data into a subvolume of it: stop the node, btrfs subvolume create DIR/data, move the files there with cp -a --reflink=always, and give DIR/data",
    },
  );
}
