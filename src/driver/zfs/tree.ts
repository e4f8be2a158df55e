import { setTimeout } from "node:timers/promises";

import { BtmError } from "../../errors.ts";
import { close, isErrno, mountDetached } from "../../sys/libc.ts";
import { quote } from "../../text.ts";

/** MOUNT_ATTR_RDONLY of linux/mount.h. Of this mount only: the file system may be mounted for writing elsewhere. */
const READ_ONLY = 0x1;

/**
 * Mounts a dataset or snapshot without a place in the tree, for as long as it is used. The folder leads through a
 * descriptor of ours, so that children can use it as well.
 */
export async function withMounted<T>(
  source: string,
  { writable }: { readonly writable: boolean },
  use: (folder: string) => Promise<T>,
): Promise<T> {
  const fd = await mount(source, writable);
  try {
    return await use(`/proc/${String(process.pid)}/fd/${String(fd)}`);
  } finally {
    close(fd);
  }
}

/**
 * Two mounts of one snapshot share a superblock. One that comes while that of an earlier mount is being taken down finds
 * it neither there nor gone: EBUSY of dmu_objset_own() (zpl_mount_impl() in module/os/linux/zfs/zpl_super.c). Nothing
 * tells when it is gone.
 */
const BUSY_MS = 2000;
const POLL_MS = 20;

/**
 * What is mounted already, as a snapshot by a look below .zfs, is mounted once more only as it is, for writing or not:
 * otherwise it is EBUSY as well. A snapshot is read-only, and OpenZFS 2.1 wants that to be said.
 */
async function mountAs(source: string, writable: boolean): Promise<number> {
  if (writable) return mountDetached("zfs", { source }, 0);
  const plain = { source };
  const readOnly = { source, ro: "" };
  const isSnapshot = source.includes("@");
  try {
    return await mountDetached("zfs", isSnapshot ? readOnly : plain, READ_ONLY);
  } catch (error) {
    if (!isErrno(error, "EBUSY")) throw error;
    return mountDetached("zfs", isSnapshot ? plain : readOnly, READ_ONLY);
  }
}

async function mount(source: string, writable: boolean): Promise<number> {
  try {
    for (let waited = 0; ; waited += POLL_MS) {
      try {
        return await mountAs(source, writable);
      } catch (error) {
        if (!isErrno(error, "EBUSY") || waited >= BUSY_MS) throw error;
        await setTimeout(POLL_MS);
      }
    }
  } catch (error) {
    const action = `Cannot look at the files of ${quote(source)}`;
    if (isErrno(error, "EPERM")) {
      throw new BtmError("PERMISSION_DENIED", `${action}: only root may mount it`, {
        hint: "Run it as root",
        cause: error,
      });
    }
    // What mount(2) answers without the key.
    if (isErrno(error, "EACCES")) {
      throw new BtmError("BLOCKED", `${action}: it may not be mounted; is its encryption key loaded?`, {
        hint: "zfs load-key DATASET, then run the command again",
        cause: error,
      });
    }
    if (!isErrno(error, "EBUSY", "ENOENT")) throw error;
    throw new BtmError("BLOCKED", `${action}: ${error.message}`, {
      hint: "zfs list and findmnt show whether it is there, and mounted elsewhere",
      cause: error,
    });
  }
}
