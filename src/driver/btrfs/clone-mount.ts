import { rmdirSync } from "node:fs";
import { lstat, mkdir, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";

import { BtmError } from "../../errors.ts";
import { attachMount, close, isErrno, MNT_DETACH, unmount } from "../../sys/libc.ts";
import { type Mount, readMounts } from "../../sys/mounts.ts";
import { quote } from "../../text.ts";
import { mountSibling } from "./mounted.ts";
import { asideName } from "./names.ts";
import { mountOf, type Place, volumeRoot } from "./place.ts";

/** @throws BtmError NAME_TAKEN unless the path is that of nothing, or of an empty directory on which nothing is mounted */
export async function mustBeFree(path: string): Promise<void> {
  try {
    const isMounted = readMounts().some(({ mountPoint }) => mountPoint === path);
    if (!isMounted && (await readdir(path)).length === 0) return;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return;
  }
  throw new BtmError("NAME_TAKEN", `Cannot open a clone at ${quote(path)}: something is there`, {
    hint: "Give a path that does not exist, or an empty directory, with --at",
  });
}

/** The uppermost directory of a path that does not exist yet; undefined when all are there. */
export async function firstMissing(path: string): Promise<string | undefined> {
  let missing: string | undefined;
  for (let folder = path; ; folder = dirname(folder)) {
    const isThere = await lstat(folder).then(
      () => true,
      () => false,
    );
    if (isThere || folder === dirname(folder)) return missing;
    missing = folder;
  }
}

export async function mountClone(place: Place, id: bigint, mountPoint: string): Promise<void> {
  await mkdir(mountPoint, { recursive: true });
  const mount = await mountSibling(place, id);
  try {
    attachMount(mount, mountPoint, { beneath: false });
  } finally {
    close(mount);
  }
}

/** The mounts that show a subvolume in "<volume>.btm", or a part of it. */
export function mountsBelow(place: Place, path: string): Mount[] {
  const root = join(dirname(volumeRoot(place)), asideName(place.base), path);
  const device = mountOf(place)?.device;
  return readMounts().filter(
    (mount) => mount.device === device && (mount.root === root || mount.root.startsWith(`${root}/`)),
  );
}

/** Unmounts a clone: of one that is not finished, also when somebody has found it meanwhile. */
export async function unmountClone(mountPoint: string, isFinished: boolean): Promise<void> {
  try {
    await unmount(mountPoint, 0);
  } catch (error) {
    if (isFinished || !isErrno(error, "EBUSY")) throw error;
    await unmount(mountPoint, MNT_DETACH);
  }
}

/** Removes the directories that were made for a mount point, and that nothing else is in by now. */
export function removeMade(place: Place, mountPoint: string, made: string | undefined): void {
  const besideMount = place.parentPath === undefined ? asideName(place.path) : undefined;
  for (let folder = mountPoint; folder !== dirname(folder); folder = dirname(folder)) {
    const isMade = made !== undefined && (folder === made || folder.startsWith(`${made}/`));
    if (!isMade && folder !== besideMount) return;
    try {
      rmdirSync(folder);
    } catch {
      // Not empty, or gone: it does no harm.
      return;
    }
  }
}
