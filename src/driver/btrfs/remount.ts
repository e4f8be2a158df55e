import { createHash } from "node:crypto";
import { mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

import * as v from "valibot";

import { TOP_LEVEL_ID } from "../../sys/btrfs.ts";
import { withDirectory } from "../../sys/directory.ts";
import { attachMount, close, getAttribute, isErrno, MNT_DETACH, mountDetached, unmount } from "../../sys/libc.ts";
import { type Mount, mountAttributes, readMounts } from "../../sys/mounts.ts";
import type { StepObserver } from "../driver.ts";
import { parseStored } from "../mark.ts";
import { ATTRIBUTE } from "./names.ts";

/**
 * Makes a mount point show another subvolume of its file system, with the same options.
 *
 * Since Linux 6.5 the new mount goes beneath the old one, which is then taken away: a path leads to one of them at every
 * instant. Before, the old one must go first. For the case that we are killed right then, a note under /run tells the next
 * command what to mount; a power cut needs none, for then fstab mounts it by its name.
 *
 * @param shall what shall be seen: the path of the subvolume in its file system, and its id, by which it is mounted, since a
 * legacy mount context refuses a comma in a path (legacy_parse_param in fs/fs_context.c); and the path of "<volume>.btm"
 */
export async function remount(
  mount: Mount,
  shall: { readonly root: string; readonly id: bigint; readonly aside: string },
  onStep: StepObserver,
): Promise<void> {
  if (isRemounted(mount, shall.root)) {
    onStep("unmount", "before");
    letGo(mount.mountPoint);
    onStep("unmount", "after");
    return;
  }
  const wanted: Remount = {
    mountPoint: mount.mountPoint,
    source: mount.source,
    subvolumeId: String(shall.id),
    attributes: mountAttributes(mount.options),
    aside: shall.aside,
  };
  const fresh = await mountSubvolume(wanted);
  try {
    onStep("attach beneath", "before");
    if (tryAttachBeneath(fresh, mount.mountPoint)) {
      onStep("attach beneath", "after");
      onStep("unmount", "before");
      letGo(mount.mountPoint);
      onStep("unmount", "after");
      return;
    }
    onStep("write note", "before");
    await writeNote(wanted);
    onStep("write note", "after");
    onStep("unmount", "before");
    letGo(mount.mountPoint);
    onStep("unmount", "after");
    onStep("mount", "before");
    attachMount(fresh, mount.mountPoint, { beneath: false });
    onStep("mount", "after");
  } finally {
    close(fresh);
  }
}

/** Whether the new mount lies beneath already: killed between the two steps of an earlier try. */
export function isRemounted(mount: Mount, root: string): boolean {
  return readMounts().some(
    (other) => other.mountPoint === mount.mountPoint && other.device === mount.device && other.root === root,
  );
}

function letGo(mountPoint: string): void {
  try {
    unmount(mountPoint, 0);
  } catch (error) {
    if (!isErrno(error, "EBUSY")) throw error;
    // Opened since the plan was made. The switch is done: who has it open keeps what was live, every new path is new.
    unmount(mountPoint, MNT_DETACH);
  }
}

/**
 * Mounts what an interrupted {@link remount} has left unmounted; whether there was something to do. A note counts only as
 * long as the journal says that the rollback is not finished.
 */
export async function finishRemount(mountPoint: string, onStep: StepObserver): Promise<boolean> {
  const note = noteOf(mountPoint);
  const text = await readFile(note, "utf8").catch(() => undefined);
  const wanted = parseStored(noteForm, text);
  // Only root can have written what root will mount.
  if (wanted?.mountPoint !== mountPoint || (await stat(note)).uid !== 0) return false;
  const topLevel = await mountSubvolume({ ...wanted, subvolumeId: String(TOP_LEVEL_ID) });
  try {
    const journal = withDirectory(topLevel, `.${wanted.aside}`, (fd) => getAttribute(fd, ATTRIBUTE.journal));
    if (journal === undefined) return false;
  } finally {
    close(topLevel);
  }
  const fresh = await mountSubvolume(wanted);
  try {
    onStep("mount", "before");
    attachMount(fresh, mountPoint, { beneath: false });
    onStep("mount", "after");
  } finally {
    close(fresh);
  }
  return true;
}

/** Once the journal is cleared, or about to be, a note means nothing. */
export async function forgetNote(mountPoint: string): Promise<void> {
  await rm(noteOf(mountPoint), { force: true });
}

interface Remount {
  readonly mountPoint: string;
  readonly source: string;
  readonly subvolumeId: string;
  readonly attributes: number;
  readonly aside: string;
}

const noteForm = v.object({
  mountPoint: v.string(),
  source: v.string(),
  subvolumeId: v.string(),
  attributes: v.number(),
  aside: v.string(),
});

function mountSubvolume(wanted: Remount): Promise<number> {
  return mountDetached("btrfs", { source: wanted.source, subvolid: wanted.subvolumeId }, wanted.attributes);
}

function tryAttachBeneath(fresh: number, mountPoint: string): boolean {
  try {
    attachMount(fresh, mountPoint, { beneath: true });
    return true;
  } catch (error) {
    // An older kernel does not know the flag; a newer one refuses it where the mount would propagate onto itself.
    if (isErrno(error, "EINVAL")) return false;
    throw error;
  }
}

/** A tmpfs: the note is gone after a reboot, as it must be. */
function noteOf(mountPoint: string): string {
  return `/run/btm/remount-${createHash("sha256").update(mountPoint).digest("hex").slice(0, 32)}.json`;
}

async function writeNote(wanted: Remount): Promise<void> {
  const note = noteOf(wanted.mountPoint);
  await mkdir(dirname(note), { recursive: true, mode: 0o755 });
  await writeFile(`${note}.new`, JSON.stringify(wanted), { mode: 0o600 });
  await rename(`${note}.new`, note);
}
