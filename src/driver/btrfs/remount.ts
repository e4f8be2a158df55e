import { createHash } from "node:crypto";
import { fstatSync, openSync, readFileSync, writeSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

import * as v from "valibot";

import { BtmError } from "../../errors.ts";
import { SUBVOLUME_INODE, subvolumeInfo, TOP_LEVEL_ID } from "../../sys/btrfs.ts";
import { identityOf, withDirectory } from "../../sys/directory.ts";
import {
  AT_FDCWD,
  attachMount,
  close,
  isErrno,
  MNT_DETACH,
  mountDetached,
  SystemCallError,
  tryLock,
  unmount,
} from "../../sys/libc.ts";
import { type Mount, mountAttributes, readMounts } from "../../sys/mounts.ts";
import { quote } from "../../text.ts";
import type { StepObserver } from "../driver.ts";
import { parseStored } from "../../stored.ts";
import { journalOf } from "./journal.ts";

/**
 * Makes a mount point show another subvolume of its file system, with the same options.
 *
 * Since Linux 6.5 the new mount goes beneath the old one, which is then taken away: a path leads to one of them at every
 * instant. Before, the old one must go first. For the case that we are killed right then, a note under /run tells the next
 * command what to mount; a power cut needs none, for then fstab mounts it by its name.
 *
 * @returns what the user should know
 */
export async function remount(mount: Mount, shall: Shall, onStep: StepObserver): Promise<string[]> {
  if (isRemounted(mount, shall.root)) return await letGo(mount, onStep);
  const wanted: Remount = {
    mountPoint: mount.mountPoint,
    source: mount.source,
    subvolumeId: String(shall.id),
    uuid: shall.uuid,
    attributes: mountAttributes(mount.options),
    aside: shall.aside,
  };
  const fresh = await mountSubvolume(wanted);
  try {
    onStep("attach beneath", "before");
    if (tryAttachBeneath(fresh, mount.mountPoint)) {
      onStep("attach beneath", "after");
      return await letGo(mount, onStep);
    }
    onStep("write note", "before");
    const note = await writeNote(wanted);
    onStep("write note", "after");
    try {
      const warnings = await letGo(mount, onStep);
      onStep("mount", "before");
      attachMount(fresh, mount.mountPoint, { beneath: false });
      onStep("mount", "after");
      return warnings;
    } finally {
      close(note);
    }
  } finally {
    close(fresh);
  }
}

/** What a mount point shall show. */
interface Shall {
  /** The path of the subvolume in its file system. */
  readonly root: string;
  /** By its id it is mounted: a legacy mount context refuses a comma in a path (legacy_parse_param in fs/fs_context.c). */
  readonly id: bigint;
  readonly uuid: string;
  /** The path of "<volume>.btm", whose journal says that the rollback is under way. */
  readonly aside: string;
}

/** Whether the new mount lies beneath already: killed between the two steps of an earlier try. */
export function isRemounted(mount: Mount, root: string): boolean {
  return readMounts().some(
    (other) => other.mountPoint === mount.mountPoint && other.device === mount.device && other.root === root,
  );
}

async function letGo(mount: Mount, onStep: StepObserver): Promise<string[]> {
  const { mountPoint } = mount;
  if (withDirectory(AT_FDCWD, mountPoint, identityOf).mountId !== mount.id) {
    throw new BtmError("BLOCKED", `Cannot unmount ${quote(mountPoint)}: another mount has been put on top of it`, {
      hint: "Unmount that one, then run the command again",
    });
  }
  onStep("unmount", "before");
  let isInUse = false;
  try {
    await unmount(mountPoint, 0);
  } catch (error) {
    if (!isErrno(error, "EBUSY")) throw error;
    // Opened since the last look for users. The switch is done: who has it open keeps what was live, every new path is new.
    isInUse = true;
    await unmount(mountPoint, MNT_DETACH);
  }
  onStep("unmount", "after");
  if (!isInUse) return [];
  return [
    `something opened ${quote(mountPoint)} during the rollback and goes on using the old state: stop it and start it again`,
  ];
}

/**
 * Mounts what an interrupted {@link remount} has left unmounted; whether there was something to do. A note counts only as
 * long as its writer is gone, the journal says that the rollback is not finished, and the device still is what it was.
 */
export async function finishRemount(mountPoint: string, onStep: StepObserver): Promise<boolean> {
  let note: number;
  try {
    note = openSync(noteOf(mountPoint), "r");
  } catch {
    // No note, or not for us to read: then not for us to finish.
    return false;
  }
  try {
    const wanted = parseStored(noteForm, readFileSync(note, "utf8"));
    // Only root can have written what root will mount.
    if (wanted?.mountPoint !== mountPoint || fstatSync(note).uid !== 0 || !tryLock(note)) return false;
    return await mountNoted(wanted, onStep);
  } catch (error) {
    // The device is gone, or is another by now: the note means nothing, and what was wrong before is what there is to tell.
    if (error instanceof SystemCallError) return false;
    throw error;
  } finally {
    close(note);
  }
}

async function mountNoted(wanted: Remount, onStep: StepObserver): Promise<boolean> {
  const topLevel = await mountSubvolume({ ...wanted, subvolumeId: String(TOP_LEVEL_ID) });
  try {
    if (withDirectory(topLevel, `.${wanted.aside}`, journalOf) === undefined) return false;
  } finally {
    close(topLevel);
  }
  const fresh = await mountSubvolume(wanted);
  try {
    if (withDirectory(fresh, ".", subvolumeInfo).uuid !== wanted.uuid) return false;
    // Another command may have done it since we looked, and left the journal to its next step.
    if (withDirectory(AT_FDCWD, wanted.mountPoint, subvolumeUuid) === wanted.uuid) return true;
    onStep("mount", "before");
    attachMount(fresh, wanted.mountPoint, { beneath: false });
    onStep("mount", "after");
    return true;
  } finally {
    close(fresh);
  }
}

/** The uuid of the subvolume that a directory is the root of; undefined when it is none. */
function subvolumeUuid(fd: number): string | undefined {
  try {
    return identityOf(fd).inode === SUBVOLUME_INODE ? subvolumeInfo(fd).uuid : undefined;
  } catch (error) {
    if (isErrno(error, "ENOTTY")) return undefined;
    throw error;
  }
}

/** When the journal is about to be cleared, a note means nothing any more. */
export async function forgetNote(mountPoint: string): Promise<void> {
  await rm(noteOf(mountPoint), { force: true });
}

interface Remount {
  readonly mountPoint: string;
  readonly source: string;
  readonly subvolumeId: string;
  readonly uuid: string;
  readonly attributes: number;
  readonly aside: string;
}

const noteForm = v.object({
  mountPoint: v.string(),
  source: v.string(),
  subvolumeId: v.string(),
  uuid: v.string(),
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

/** @returns a descriptor that holds the lock of the note, so that nobody else mounts as long as we are at it */
async function writeNote(wanted: Remount): Promise<number> {
  const note = noteOf(wanted.mountPoint);
  await mkdir(dirname(note), { recursive: true, mode: 0o755 });
  const fd = openSync(`${note}.new`, "w", 0o600);
  try {
    tryLock(fd);
    writeSync(fd, JSON.stringify(wanted));
    await rename(`${note}.new`, note);
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}
