import { SUBVOLUME_INODE, subvolumeInfo, type SubvolumeInfo } from "../../sys/btrfs.ts";
import { identityOf } from "../../sys/directory.ts";
import { close, isErrno, openDirectoryIfAny } from "../../sys/libc.ts";

/** The subvolume at a path; undefined when there is none. In a plain directory it would be the one around it. */
export function subvolumeAt(directory: number, path: string): SubvolumeInfo | undefined {
  const fd = openDirectoryIfAny(directory, path);
  if (fd === undefined) return undefined;
  try {
    return identityOf(fd).inode === SUBVOLUME_INODE ? subvolumeInfo(fd) : undefined;
  } catch (error) {
    // Destroyed since it was opened.
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  } finally {
    close(fd);
  }
}
