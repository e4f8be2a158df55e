import { basename, dirname } from "node:path";

import { BtmError } from "../../errors.ts";
import { subvolumeInfo, TOP_LEVEL_ID } from "../../sys/btrfs.ts";
import { withDirectory } from "../../sys/directory.ts";
import { close, isErrno, mountDetached, openDirectoryAt, SystemCallError } from "../../sys/libc.ts";
import { type Mount, mountAttributes, readMounts } from "../../sys/mounts.ts";
import { quote } from "../../text.ts";
import { checkVolumeName } from "../../volume-name.ts";
import { journalOf } from "./journal.ts";
import { asideName, LIVE, undoNumber } from "./names.ts";
import { mountOf, mustBeChild, type Place } from "./place.ts";

/** The place of a volume that is itself a mount point, reached through a detached mount of the top level. */
export async function mountPlace(path: string, mountId: bigint, root: number): Promise<Place> {
  const mount = readMounts().find((candidate) => candidate.id === mountId);
  if (mount === undefined)
    throw new BtmError("SYSTEM_ERROR", `Cannot find the mount of ${quote(path)} in /proc/self/mountinfo`);
  const topLevel = await openTopLevel(path, mount);
  try {
    const stale = staleVolume(topLevel, mount, root);
    const fsPath = stale ?? mount.root;
    const base = basename(checkVolumeName(fsPath));
    const parent = openDirectoryAt(topLevel, `.${dirname(fsPath)}`);
    try {
      const uuid = withDirectory(parent, base, subvolumeInfo).uuid;
      const isStale = stale !== undefined;
      const place = {
        path,
        base,
        parent,
        uuid,
        parentPath: undefined,
        mount,
        isStale,
        close: () => {
          close(parent);
        },
      };
      if (!isStale) mustBeChild(place, root);
      return place;
    } catch (error) {
      close(parent);
      throw error;
    }
  } finally {
    // The descriptor of the parent keeps the detached mount; the O_PATH one of its root is not needed any more.
    close(topLevel);
  }
}

async function openTopLevel(path: string, mount: Mount): Promise<number> {
  try {
    return await mountAgain(mount, { subvolid: String(TOP_LEVEL_ID) });
  } catch (error) {
    if (!isErrno(error, "EPERM")) throw error;
    const why = "it is a mount point, and looking beside it needs root";
    throw new BtmError("PERMISSION_DENIED", `Cannot reach what lies beside ${quote(path)}: ${why}`, {
      hint: "Run it as root",
      cause: error,
    });
  }
}

/**
 * The file system of a mount, mounted nowhere, with the attributes of that mount. A file system that is read-only as a whole
 * must be asked for read-only: asked for otherwise, the kernel makes it writable (btrfs_reconfigure_for_mount).
 */
function mountAgain(mount: Mount, options: Readonly<Record<string, string>>): Promise<number> {
  const readOnly: Record<string, string> = mount.superOptions.includes("ro") ? { ro: "" } : {};
  return mountDetached("btrfs", { source: mount.source, ...options, ...readOnly }, mountAttributes(mount.options));
}

/** A subvolume beside the volume, mounted nowhere yet, with the attributes of the volume's own mount. */
export function mountSibling(place: Place, id: bigint): Promise<number> {
  const mount = mountOf(place);
  if (mount === undefined) throw new BtmError("SYSTEM_ERROR", `Cannot find the mount of ${quote(place.path)}`);
  return mountAgain(mount, { subvolid: String(id) });
}

/**
 * When a rollback was interrupted after the switch and before the new mount, the mount shows "<volume>.btm/undo-<n>/live".
 * The journal there, of this very undo point and this live state, tells it from one that someone mounted to look at, which
 * is no volume.
 *
 * @param root the mounted directory
 * @returns the path of the volume in its file system; undefined when the mount shows the volume itself
 */
function staleVolume(topLevel: number, mount: Mount, root: number): string | undefined {
  const undo = dirname(mount.root);
  const aside = dirname(undo);
  const number = undoNumber(basename(undo));
  if (basename(mount.root) !== LIVE || number === undefined || !aside.endsWith(asideName(""))) return undefined;
  const journal = withDirectory(topLevel, `.${aside}`, journalOf);
  if (journal?.undo === number && journal.live === subvolumeInfo(root).uuid) {
    return aside.slice(0, -asideName("").length);
  }
  const what = `it is the undo point ${quote(mount.root)}`;
  throw new BtmError("NOT_A_SUBVOLUME", `Cannot use ${quote(mount.mountPoint)} as a volume: ${what}`, {
    hint: "Give the volume that it is an undo point of",
  });
}

/**
 * The id of the subvolume that a mount without subvol= shows, found by such a mount; undefined when none can be made: no
 * permission, or the device is not at its path (in a container, or renamed).
 */
export async function defaultSubvolume(place: Place): Promise<bigint | undefined> {
  const mount = mountOf(place);
  if (mount === undefined) return undefined;
  let root: number;
  try {
    root = await mountAgain(mount, {});
  } catch (error) {
    if (error instanceof SystemCallError) return undefined;
    throw error;
  }
  try {
    return withDirectory(root, ".", subvolumeInfo).id;
  } finally {
    close(root);
  }
}
