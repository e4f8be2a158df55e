import { realpathSync, statSync } from "node:fs";
import { realpath } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { setTimeout } from "node:timers/promises";

import { BtmError, type BtmErrorCode, isBtmError } from "../../errors.ts";
import { SUBVOLUME_INODE, subvolumeInfo, TOP_LEVEL_ID } from "../../sys/btrfs.ts";
import { identityOf, withDirectory } from "../../sys/directory.ts";
import { fileSystemAt } from "../../sys/file-system.ts";
import { AT_FDCWD, close, isErrno, openDirectoryAt } from "../../sys/libc.ts";
import { quote } from "../../text.ts";
import { checkVolumeName } from "../../volume-name.ts";
import type { StepObserver } from "../driver.ts";
import { explain } from "./failure.ts";
import { mountPlace } from "./mounted.ts";
import { mustBeChild, type Place } from "./place.ts";
import { finishRemount } from "./remount.ts";

/**
 * Finds a volume without changing anything.
 *
 * Two layouts: a subvolume in a directory that can be reached, whose snapshots are its siblings; and a subvolume that is a
 * mount point itself, whose siblings are reached through a detached mount of the top level. The top-level subvolume has no
 * siblings, and is refused.
 */
export async function locate(volume: string, onStep: StepObserver): Promise<Place> {
  try {
    return await findSettled(volume);
  } catch (error) {
    // A rollback that was killed between unmounting and mounting is finished first, then the volume is there.
    const isGone = isBtmError(error) && UNMOUNTED.has(error.code);
    if (!isGone || !(await finishRemount(await realpath(volume).catch(() => volume), onStep))) throw error;
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

/**
 * In the moment in which another btm exchanges the volume, its name, its mount and its journal do not agree: then it is
 * looked at again. A volume that is wrong stays so, which costs its refusal a tenth of a second.
 */
async function findSettled(volume: string): Promise<Place> {
  for (let tries = 1; ; tries++) {
    try {
      return await find(volume);
    } catch (error) {
      const isMoving = isBtmError(error) && (MOVING.has(error.code) || isErrno(error.cause, "ENOENT"));
      if (!isMoving || tries === 5) throw error;
      await setTimeout(25);
    }
  }
}

const MOVING: ReadonlySet<BtmErrorCode> = new Set(["NOT_A_SUBVOLUME", "SYSTEM_ERROR"]);

async function find(volume: string): Promise<Place> {
  const path = checkVolumeName(resolveBtrfsDirectory(volume));
  try {
    return await withDirectory(AT_FDCWD, path, (root) => {
      const identity = identityOf(root);
      if (identity.inode !== SUBVOLUME_INODE) throw notASubvolume(path);
      if (subvolumeInfo(root).id === TOP_LEVEL_ID) throw topLevel(path);
      return identity.isMountRoot ? mountPlace(path, identity.mountId, root) : siblingPlace(path, root);
    });
  } catch (error) {
    if (isErrno(error, "ENOENT")) {
      const what = "its subvolume has been deleted, only the mount is left";
      throw new BtmError("VOLUME_MISSING", `Cannot use the volume ${quote(path)}: ${what}`, {
        hint: "Unmount it, and mount what shall be there",
        cause: error,
      });
    }
    throw explain(`open the volume ${quote(path)}`, error);
  }
}

/** The real path of the volume, once it is a directory on Btrfs. */
function resolveBtrfsDirectory(volume: string): string {
  const fail = (
    code: "VOLUME_MISSING" | "NOT_A_DIRECTORY" | "NOT_BTRFS" | "PERMISSION_DENIED",
    what: string,
    hint: string,
    cause?: unknown,
  ): BtmError => new BtmError(code, `Cannot use the volume ${quote(volume)}: ${what}`, { hint, cause });
  try {
    // Looking a name up takes no lock once the kernel knows it.
    const path = realpathSync.native(volume);
    if (!statSync(path).isDirectory()) {
      throw fail(
        "NOT_A_DIRECTORY",
        "it is not a directory",
        "Give the path of a Btrfs subvolume; its data directory, not a file in it",
      );
    }
    const type = fileSystemAt(path);
    if (type === "zfs") throw fail("NOT_BTRFS", "it is on ZFS, not on Btrfs", "Leave --mode out, or give --mode zfs");
    if (type !== "btrfs") {
      throw fail(
        "NOT_BTRFS",
        "it is on neither Btrfs nor ZFS",
        "Make a file system of either kind and move the data there: docs/moving-a-node-to-btrfs.md",
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
