/**
 * The file that calls libc, with libc-spawn.ts beside it. Each function is declared once, with the header it comes from, and answers with the
 * result or throws {@link SystemCallError}; buffers stand for structs, so that their layout is written where it is used.
 *
 * Loaded on demand (a driver imports it), so that `btm --version` or a library import on another platform needs no koffi.
 */
import { constants as fsConstants } from "node:fs";
import { constants } from "node:os";
import { getSystemErrorMap } from "node:util";

import koffi from "koffi";

/** A system call that failed. It becomes a BtmError where it is known what it was for. */
export class SystemCallError extends Error {
  override readonly name = "SystemCallError";
  /** The call, for example "openat". */
  readonly call: string;
  readonly errno: number;
  /** The symbolic name, for example "ENOSPC". */
  readonly errnoName: string;

  constructor(call: string, errno: number) {
    const [name, text] = getSystemErrorMap().get(-errno) ?? [`errno ${String(errno)}`, "unknown error"];
    super(`${call} failed: ${name} (${text})`);
    this.call = call;
    this.errno = errno;
    this.errnoName = name;
  }
}

export function isErrno(error: unknown, ...names: readonly string[]): error is SystemCallError {
  return error instanceof SystemCallError && names.includes(error.errnoName);
}

const libc = koffi.load(null);

export interface AsyncCallable {
  (...args: unknown[]): number;
  async: (...args: unknown[]) => void;
}

export function declare(prototype: string): AsyncCallable {
  return libc.func(prototype);
}

export function check(call: string, result: number): number {
  if (result < 0) throw new SystemCallError(call, koffi.errno());
  return result;
}

/** Where a buffer lies, for a struct that points at it; the buffer must be kept meanwhile. */
export function addressInMemory(buffer: Uint8Array): bigint {
  return koffi.address(buffer);
}

/** Runs the call on a worker thread, so that the event loop turns meanwhile. */
export function checkAsync(call: string, fn: AsyncCallable, ...args: readonly unknown[]): Promise<number> {
  return new Promise((resolve, reject) => {
    fn.async(...args, (error: Error | null, result: number) => {
      // errno belongs to this callback: koffi restores it for its length only, after an await it is another call's.
      if (error !== null) reject(error);
      else if (result < 0) reject(new SystemCallError(call, koffi.errno()));
      else resolve(result);
    });
  });
}

// fcntl.h; O_DIRECTORY and O_NOFOLLOW are not the same numbers on every architecture, so the platform tells them.
const OPEN_DIRECTORY = fsConstants.O_RDONLY | fsConstants.O_DIRECTORY | fsConstants.O_NOFOLLOW | 0o2_000_000; // O_CLOEXEC
const AT_REMOVEDIR = 0x200;
export const AT_FDCWD = -100;

const cOpenat = declare("int openat(int dirfd, const char *path, int flags, unsigned int mode)");
const cClose = declare("int close(int fd)");
const cMkdirat = declare("int mkdirat(int dirfd, const char *path, unsigned int mode)");
const cUnlinkat = declare("int unlinkat(int dirfd, const char *path, int flags)");
const cRenameat2 = declare(
  "int renameat2(int olddirfd, const char *oldpath, int newdirfd, const char *newpath, unsigned int flags)",
);
const cGetdents64 = declare("intptr_t getdents64(int fd, void *buffer, size_t count)");
const cLseek = declare("int64_t lseek(int fd, int64_t offset, int whence)");
const cStatx = declare("int statx(int dirfd, const char *path, int flags, unsigned int mask, void *buffer)");
const cIoctl = declare("int ioctl(int fd, unsigned long request, void *argument)");
const cFlock = declare("int flock(int fd, int operation)");
const cFcntl = declare("int fcntl(int fd, int command, ...)");
const cOpen = declare("int open(const char *path, int flags)");
const cSyncfs = declare("int syncfs(int fd)");
const cStatfs = declare("int statfs(const char *path, void *buffer)");
const cFgetxattr = declare("intptr_t fgetxattr(int fd, const char *name, void *value, size_t size)");
const cFsetxattr = declare("int fsetxattr(int fd, const char *name, const void *value, size_t size, int flags)");
const cFremovexattr = declare("int fremovexattr(int fd, const char *name)");
const cUmount2 = declare("int umount2(const char *target, int flags)");
// glibc has wrappers for the mount calls since 2.36 only, Debian 11 has 2.31: by number, which is the same on every
// architecture for calls this new (asm-generic/unistd.h).
const cFsopen = declare("long syscall(long number, const char *fsname, unsigned int flags)");
const cFsconfig = declare(
  "long syscall(long number, int fd, unsigned int command, const char *key, const char *value, int aux)",
);
const cFsmount = declare("long syscall(long number, int fd, unsigned int flags, unsigned int attributes)");
const cMoveMount = declare(
  "long syscall(long number, int from, const char *frompath, int to, const char *topath, unsigned int flags)",
);
const SYS_MOVE_MOUNT = 429;
const SYS_FSOPEN = 430;
const SYS_FSCONFIG = 431;
const SYS_FSMOUNT = 432;

/** Opens a directory, never through a symbolic link in the last part of the path. */
export function openDirectoryAt(directory: number, path: string): number {
  return check("openat", cOpenat(directory, path, OPEN_DIRECTORY, 0));
}

/** The same; undefined when there is nothing of that name, or no directory: an answer, not an error. */
export function openDirectoryIfAny(directory: number, path: string): number | undefined {
  const fd = cOpenat(directory, path, OPEN_DIRECTORY, 0);
  const { ENOENT, ENOTDIR, ELOOP } = constants.errno;
  if (fd < 0 && [ENOENT, ENOTDIR, ELOOP].includes(koffi.errno())) return undefined;
  return check("openat", fd);
}

export function close(fd: number): void {
  check("close", cClose(fd));
}

/** Asynchronous, as everything that joins a transaction. */
export function makeDirectoryAt(directory: number, name: string, mode: number): Promise<number> {
  return checkAsync("mkdirat", cMkdirat, directory, name, mode);
}

export function removeDirectoryAt(directory: number, name: string): Promise<number> {
  return checkAsync("unlinkat", cUnlinkat, directory, name, AT_REMOVEDIR);
}

/** Exchanges two names in one step: at every instant both exist (renameat2(2), RENAME_EXCHANGE; Btrfs since Linux 4.7). */
export function exchangeNames(directoryA: number, a: string, directoryB: number, b: string): Promise<number> {
  const RENAME_EXCHANGE = 2;
  return checkAsync("renameat2", cRenameat2, directoryA, a, directoryB, b, RENAME_EXCHANGE);
}

/** Renames within a directory; EEXIST when the new name is taken (renameat2(2), RENAME_NOREPLACE). */
export function renameNoReplace(directory: number, from: string, to: string): Promise<number> {
  const RENAME_NOREPLACE = 1;
  return checkAsync("renameat2", cRenameat2, directory, from, directory, to, RENAME_NOREPLACE);
}

/**
 * Fills the buffer with struct linux_dirent64 records from where the descriptor stands; 0 at the end. Asynchronous: a
 * snapshot holds the lock of the directory it is made in until its commit is on disk, and reading the directory waits for
 * that (measured: 390 ms with 384 MB of dirty data).
 */
export function getdents(fd: number, buffer: Uint8Array): Promise<number> {
  return checkAsync("getdents64", cGetdents64, fd, buffer, buffer.byteLength);
}

export function rewind(fd: number): void {
  check("lseek", cLseek(fd, 0, 0));
}

/** Where the descriptor stands; of a directory, what the file system makes of it. */
export function positionOf(fd: number): bigint {
  const SEEK_CUR = 1;
  // koffi answers with a bigint beyond 2^53 only.
  return BigInt(check("lseek", cLseek(fd, 0, SEEK_CUR)));
}

/** Fills the buffer with struct statx (256 bytes) of an open file. */
export function statxOf(fd: number, buffer: Uint8Array): void {
  const AT_EMPTY_PATH = 0x1000;
  const STATX_BASIC_STATS_AND_MNT_ID = 0x17ff;
  check("statx", cStatx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS_AND_MNT_ID, buffer));
}

/** For calls that answer from memory. */
export function ioctl(call: string, fd: number, request: number, argument: Uint8Array): number {
  return check(call, cIoctl(fd, request, argument));
}

/** For calls that may wait for the disk: a commit of a busy Btrfs can take seconds. */
export function ioctlAsync(call: string, fd: number, request: number, argument: Uint8Array): Promise<number> {
  return checkAsync(call, cIoctl, fd, request, argument);
}

/** Takes the exclusive lock if nobody holds it. It is the kernel's: it goes with the last descriptor of its holder. */
export function tryLock(fd: number): boolean {
  const LOCK_EX = 2;
  const LOCK_NB = 4;
  try {
    check("flock", cFlock(fd, LOCK_EX | LOCK_NB));
    return true;
  } catch (error) {
    if (isErrno(error, "EAGAIN", "EWOULDBLOCK")) return false;
    throw error;
  }
}

/**
 * Takes an exclusive lock on one byte of a file if nobody holds it; the file need not be that long. It belongs to the open
 * file description (F_OFD_SETLK, fcntl(2), Linux 3.15), not to the process: two descriptors of one process exclude each
 * other, a child that inherits the descriptor keeps it, and it goes with the last of them.
 *
 * @param fd open for writing
 * @param at 0 to 2^63 - 2
 */
export function tryLockByte(fd: number, at: bigint): boolean {
  const F_OFD_SETLK = 37;
  const F_WRLCK = 1;
  // struct flock of 64-bit Linux: s16 l_type, s16 l_whence, s64 l_start at 8, s64 l_len at 16, s32 l_pid at 24
  const lock = Buffer.alloc(32);
  lock.writeInt16LE(F_WRLCK, 0);
  lock.writeBigInt64LE(at, 8);
  lock.writeBigInt64LE(1n, 16);
  try {
    check("fcntl", cFcntl(fd, F_OFD_SETLK, "void *", lock));
    return true;
  } catch (error) {
    if (isErrno(error, "EAGAIN", "EACCES")) return false;
    throw error;
  }
}

/** Opens a device for reading, or for writing as well. */
export function openDevice(path: string, options: { readonly forWriting: boolean }): number {
  const { O_RDWR, O_RDONLY, O_NONBLOCK } = fsConstants;
  const O_CLOEXEC = 0o2_000_000;
  return check("open", cOpen(path, (options.forWriting ? O_RDWR : O_RDONLY) | O_NONBLOCK | O_CLOEXEC));
}

/** The identity of the file system at a path, f_fsid of statfs(2): of ZFS it is drawn by lot when a dataset is made. */
export function fileSystemId(path: string): bigint {
  // struct statfs of 64-bit Linux: seven words, then f_fsid; 120 bytes
  const buffer = Buffer.alloc(120);
  check("statfs", cStatfs(path, buffer));
  return buffer.readBigUInt64LE(56);
}

/** Writes out everything of the file system the descriptor is on, and waits for it. */
export function syncFileSystem(fd: number): Promise<number> {
  return checkAsync("syncfs", cSyncfs, fd);
}

/** The value of an extended attribute, undefined when there is none or it is larger than any of ours. */
export function getAttribute(fd: number, name: string): string | undefined {
  const length = cFgetxattr(fd, name, attribute, attribute.byteLength);
  const { ENODATA, ERANGE, EOPNOTSUPP } = constants.errno;
  // An answer, not an error: it is asked for each of thousands of snapshots.
  if (length < 0 && [ENODATA, ERANGE, EOPNOTSUPP].includes(koffi.errno())) return undefined;
  return attribute.toString("utf8", 0, check("fgetxattr", length));
}

const attribute = Buffer.alloc(4096);

/** Asynchronous: what changes metadata joins a transaction, and waits while one is being committed. */
export async function setAttribute(fd: number, name: string, value: string): Promise<void> {
  const bytes = Buffer.from(value);
  await checkAsync("fsetxattr", cFsetxattr, fd, name, bytes, bytes.byteLength, 0);
}

/** Removes an extended attribute; nothing happens when there is none. */
export async function removeAttribute(fd: number, name: string): Promise<void> {
  try {
    await checkAsync("fremovexattr", cFremovexattr, fd, name);
  } catch (error) {
    if (!isErrno(error, "ENODATA")) throw error;
  }
}

/**
 * umount2(2): takes the mount out of the tree at once, and lets it go when its last user does. (MNT_EXPIRE would look like
 * a harmless test for users, and is none: the second of two tests in a row unmounts.)
 */
export const MNT_DETACH = 2;

export function unmount(target: string, flags: number): Promise<number> {
  const UMOUNT_NOFOLLOW = 8;
  // What was written is written out first, which may take long.
  return checkAsync("umount2", cUmount2, target, flags | UMOUNT_NOFOLLOW);
}

/**
 * Mounts a file system without a place in the tree: only the descriptor leads into it, and it goes with the descriptor,
 * also when the process is killed (fsopen(2), fsmount(2), Linux 5.2).
 *
 * @param options an empty value stands for an option that is a word alone
 * @param attributes MOUNT_ATTR_* of linux/mount.h
 * @returns an O_PATH descriptor of the root: good for *at calls, not for ioctl
 */
export async function mountDetached(
  fsname: string,
  options: Readonly<Record<string, string>>,
  attributes: number,
): Promise<number> {
  const FSOPEN_CLOEXEC = 1;
  const FSMOUNT_CLOEXEC = 1;
  const FSCONFIG_SET_FLAG = 0;
  const FSCONFIG_SET_STRING = 1;
  const FSCONFIG_CMD_CREATE = 6;
  const context = check("fsopen", cFsopen(SYS_FSOPEN, fsname, FSOPEN_CLOEXEC));
  try {
    for (const [key, value] of Object.entries(options)) {
      const command = value === "" ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING;
      check("fsconfig", cFsconfig(SYS_FSCONFIG, context, command, key, value === "" ? null : value, 0));
    }
    await checkAsync("fsconfig", cFsconfig, SYS_FSCONFIG, context, FSCONFIG_CMD_CREATE, null, null, 0);
    return check("fsmount", cFsmount(SYS_FSMOUNT, context, FSMOUNT_CLOEXEC, attributes));
  } finally {
    close(context);
  }
}

/** Puts a detached mount at a place in the tree; beneath what is mounted there when asked (Linux 6.5). */
export function attachMount(mount: number, target: string, options: { readonly beneath: boolean }): void {
  const MOVE_MOUNT_F_EMPTY_PATH = 0x4;
  const MOVE_MOUNT_BENEATH = 0x200;
  const flags = MOVE_MOUNT_F_EMPTY_PATH | (options.beneath ? MOVE_MOUNT_BENEATH : 0);
  check("move_mount", cMoveMount(SYS_MOVE_MOUNT, mount, "", AT_FDCWD, target, flags));
}
