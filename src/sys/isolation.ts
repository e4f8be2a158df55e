/** What a process does in namespaces of its own: to their network, to their mounts, and as their process 1. */
import { constants as fsConstants, readSync } from "node:fs";
import { constants } from "node:os";

import { AT_FDCWD, check, close, declare, ioctl, isErrno, SystemCallError } from "./libc.ts";

const cSocket = declare("int socket(int domain, int type, int protocol)");
const cPipe2 = declare("int pipe2(void *descriptors, int flags)");
const cFcntl = declare("int fcntl(int fd, int command, int argument)");
const cMount = declare(
  "int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)",
);
const cMountSetattr = declare(
  "long syscall(long number, int directory, const char *path, unsigned int flags, const void *attributes, size_t size)",
);
const cWaitpid = declare("int waitpid(int pid, void *status, int options)");

const O_CLOEXEC = 0o2_000_000;

/** A new network namespace has a loopback device, and it is down (netdevice(7)). */
export function bringUpLoopback(): void {
  const AF_INET = 2;
  const SOCK_DGRAM = 2;
  const SIOCGIFFLAGS = 0x8913;
  const SIOCSIFFLAGS = 0x8914;
  const IFF_UP = 1;
  // struct ifreq: 16 bytes of a name, a union of 24 whose first two are the flags
  const request = Buffer.alloc(40);
  request.write("lo", 0);
  const fd = check("socket", cSocket(AF_INET, SOCK_DGRAM | O_CLOEXEC, 0));
  try {
    ioctl("SIOCGIFFLAGS", fd, SIOCGIFFLAGS, request);
    request.writeUInt16LE(request.readUInt16LE(16) | IFF_UP, 16);
    ioctl("SIOCSIFFLAGS", fd, SIOCSIFFLAGS, request);
  } finally {
    close(fd);
  }
}

/** Shows a folder at another place as well, over what is there, with all that is mounted in it (mount(2), MS_BIND). */
export function bindMount(source: string, target: string): void {
  const MS_BIND = 4096;
  const MS_REC = 16_384;
  check("mount", cMount(source, target, null, MS_BIND | MS_REC, null));
}

/** Covers a folder by an empty one in memory, with a mode in octal digits. */
export function coverFolder(target: string, mode: string): void {
  const MS_NOSUID = 2;
  const MS_NODEV = 4;
  check("mount", cMount("tmpfs", target, "tmpfs", MS_NOSUID | MS_NODEV, `mode=${mode}`));
}

/**
 * Makes what is mounted at a path, and when told so all below it, read-only or writable here, and nowhere else
 * (mount_setattr(2), Linux 5.12).
 *
 * @returns false when the kernel cannot
 */
export function setMountReadOnly(path: string, isReadOnly: boolean, options: { readonly recursive: boolean }): boolean {
  const SYS_MOUNT_SETATTR = 442;
  const AT_RECURSIVE = 0x8000;
  const MOUNT_ATTR_RDONLY = 1n;
  // struct mount_attr of linux/mount.h: attr_set, attr_clr, propagation, userns_fd, 64 bits each
  const attributes = Buffer.alloc(32);
  attributes.writeBigUInt64LE(MOUNT_ATTR_RDONLY, isReadOnly ? 0 : 8);
  const flags = options.recursive ? AT_RECURSIVE : 0;
  try {
    check("mount_setattr", cMountSetattr(SYS_MOUNT_SETATTR, AT_FDCWD, path, flags, attributes, attributes.byteLength));
    return true;
  } catch (error) {
    if (isErrno(error, "ENOSYS")) return false;
    throw error;
  }
}

export interface Pipe {
  readonly readEnd: number;
  readonly writeEnd: number;
}

/** Its ends go to no program that is not given them. */
export function makePipe(): Pipe {
  const ends = Buffer.alloc(8);
  check("pipe2", cPipe2(ends, O_CLOEXEC));
  return { readEnd: ends.readInt32LE(0), writeEnd: ends.readInt32LE(4) };
}

/** Reading from the descriptor waits for nothing, and programs that are started from now on do not get it. */
export function keepForPolling(fd: number): void {
  const [F_SETFD, FD_CLOEXEC, F_GETFL, F_SETFL] = [2, 1, 3, 4];
  check("fcntl", cFcntl(fd, F_SETFD, FD_CLOEXEC));
  check("fcntl", cFcntl(fd, F_SETFL, check("fcntl", cFcntl(fd, F_GETFL, 0)) | fsConstants.O_NONBLOCK));
}

/**
 * Reads what there is in a pipe that is {@link keepForPolling}.
 *
 * @returns how many bytes; 0 at its end, undefined when there is nothing at the moment
 */
export function readIfAny(fd: number, buffer: Buffer): number | undefined {
  try {
    return readSync(fd, buffer);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EAGAIN") return undefined;
    throw error;
  }
}

/** A child that has ended: its exit status, or null and the signal that ended it. */
export interface EndedChild {
  readonly pid: number;
  readonly status: number | null;
  readonly signal: number | undefined;
}

/**
 * The next child that has ended, which process 1 must ask for: it inherits those whose parents are gone.
 *
 * @returns "none" when there is no child at all, undefined when all live
 */
export function reapAny(): EndedChild | "none" | undefined {
  const WNOHANG = 1;
  const word = Buffer.alloc(4);
  try {
    const pid = check("waitpid", cWaitpid(-1, word, WNOHANG));
    if (pid === 0) return undefined;
    // WIFEXITED, WEXITSTATUS and WTERMSIG of bits/waitstatus.h
    const signal = word.readInt32LE() & 0x7f;
    return signal === 0
      ? { pid, status: (word.readInt32LE() >> 8) & 0xff, signal: undefined }
      : { pid, status: null, signal };
  } catch (error) {
    // Node has no name for this one.
    if (error instanceof SystemCallError && error.errno === constants.errno.ECHILD) return "none";
    throw error;
  }
}
