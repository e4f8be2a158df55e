import { close, getdents, openDirectoryAt, positionOf, rewind, statxOf } from "./libc.ts";

export interface Entry {
  readonly name: string;
  /** The inode; for the root of a Btrfs subvolume seen from its parent, the id of the subvolume. */
  readonly inode: bigint;
  readonly isDirectory: boolean;
}

/**
 * The entries of an open directory for which `wanted` says yes, without "." and "..". One getdents64(2) returns some 1,500
 * of them with their inodes, which readdir of the platform does not tell.
 */
export async function entriesOf(fd: number, wanted: (name: string) => boolean): Promise<Entry[]> {
  const entries: Entry[] = [];
  const buffer = spare ?? Buffer.allocUnsafe(65_536);
  spare = undefined;
  rewind(fd);
  let isEnd = false;
  while (!isEnd) {
    const length = await getdents(fd, buffer);
    isEnd = length === 0 || (length < buffer.length - LARGEST_RECORD && ENDS.has(positionOf(fd)));
    // struct linux_dirent64: u64 inode, s64 offset, u16 record length, u8 type, the name with its NUL
    for (let at = 0; at < length; at += buffer.readUInt16LE(at + 16)) {
      let end = at + 19;
      while (buffer[end] !== 0) end++;
      const name = buffer.toString("utf8", at + 19, end);
      if (name === "." || name === ".." || !wanted(name)) continue;
      entries.push({ name, inode: buffer.readBigUInt64LE(at), isDirectory: buffer[at + 18] === DT_DIR });
    }
  }
  spare = buffer;
  return entries;
}

/** Of an earlier call: a fresh one costs more in page faults than the system call. */
let spare: Buffer | undefined;
/**
 * Where Btrfs stands after the last entry (btrfs_real_readdir in fs/btrfs/inode.c). With room left for another record it
 * spares the call that returns nothing, and so the way to a thread and back. Elsewhere that call is made.
 */
const ENDS: ReadonlySet<bigint> = new Set([2n ** 31n - 1n, 2n ** 63n - 1n]);
/** 19 bytes, a name of 255 and its NUL, rounded up to 8. */
const LARGEST_RECORD = 280;

const DT_DIR = 4;

export interface FileIdentity {
  /** major:minor as stat shows it: every Btrfs subvolume has one of its own. */
  readonly device: string;
  readonly inode: bigint;
  /** Whether something is mounted here with this as its root (Linux 5.8). */
  readonly isMountRoot: boolean;
  /** The first field of its line in /proc/self/mountinfo. */
  readonly mountId: bigint;
}

export function identityOf(fd: number): FileIdentity {
  statxOf(fd, statx);
  // struct statx of linux/stat.h
  return {
    device: `${String(statx.readUInt32LE(136))}:${String(statx.readUInt32LE(140))}`,
    inode: statx.readBigUInt64LE(32),
    isMountRoot: (statx.readBigUInt64LE(8) & STATX_ATTR_MOUNT_ROOT) !== 0n,
    mountId: statx.readBigUInt64LE(144),
  };
}

export function isSameFile(a: FileIdentity, b: FileIdentity): boolean {
  return a.device === b.device && a.inode === b.inode;
}

const statx = Buffer.alloc(256);
const STATX_ATTR_MOUNT_ROOT = 0x2000n;

/** Opens a directory, hands it to `use`, and closes it again whatever happens. */
export function withDirectory<T>(directory: number, path: string, use: (fd: number) => T): T {
  const fd = openDirectoryAt(directory, path);
  let result: T;
  try {
    result = use(fd);
  } catch (error) {
    close(fd);
    throw error;
  }
  if (result instanceof Promise)
    return result.finally(() => {
      close(fd);
    }) as T;
  close(fd);
  return result;
}
