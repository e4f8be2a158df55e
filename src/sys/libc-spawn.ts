/**
 * Starting programs by posix_spawn(3). node:child_process forks, which copies the page tables of the whole process on the
 * event loop: measured 142 ms for a Node of 2 GB, every time. glibc's posix_spawn copies none (CLONE_VM | CLONE_VFORK), and
 * here it runs on a worker thread.
 */
import { writeSync } from "node:fs";

import { check, checkAsync, close, declare, SystemCallError } from "./libc.ts";

const cPosixSpawn = declare(
  "int posix_spawn(void *pid, const char *path, const void *actions, const void *attributes, const char **argv, const char **envp)",
);
const cActionsInit = declare("int posix_spawn_file_actions_init(void *actions)");
const cActionsDestroy = declare("int posix_spawn_file_actions_destroy(void *actions)");
const cActionsDup2 = declare("int posix_spawn_file_actions_adddup2(void *actions, int fd, int newfd)");
const cActionsChdir = declare("int posix_spawn_file_actions_addchdir_np(void *actions, const char *path)");
const cAttributesInit = declare("int posix_spawnattr_init(void *attributes)");
const cAttributesDestroy = declare("int posix_spawnattr_destroy(void *attributes)");
const cAttributesFlags = declare("int posix_spawnattr_setflags(void *attributes, short flags)");
const cAttributesDefault = declare("int posix_spawnattr_setsigdefault(void *attributes, const void *signals)");
const cAttributesMask = declare("int posix_spawnattr_setsigmask(void *attributes, const void *signals)");
const cWaitpid = declare("int waitpid(int pid, void *status, int options)");
const cSigaction = declare("int sigaction(int signal, const void *action, void *old)");
const cMemfdCreate = declare("int memfd_create(const char *name, unsigned int flags)");
const cFcntlInt = declare("int fcntl(int fd, int command, int argument)");

// spawn.h of glibc: the three structs are 80, 336 and 128 bytes on 64-bit machines.
const ROOM = 512;
const POSIX_SPAWN_SETSIGDEF = 0x04;
const POSIX_SPAWN_SETSIGMASK = 0x08;
const POSIX_SPAWN_SETSID = 0x80;

export interface Program {
  /** Absolute. */
  readonly file: string;
  readonly args: readonly string[];
  /** "NAME=value". */
  readonly env: readonly string[];
  readonly folder: string;
  /** What it has as 0, 1, 2 and so on. */
  readonly descriptors: readonly number[];
  /** Whether the signals by which programs are asked to end are kept from it. */
  readonly isUnstoppable: boolean;
  /** Whether it is started on the calling thread: who asks to be told of the end of its parent is told of that thread's. */
  readonly isOnThisThread?: boolean;
}

/**
 * Starts a program in a session and process group of its own, with no signal ignored.
 *
 * @returns its pid; {@link reap} must be asked of it until it has ended
 */
export async function startProcess(program: Program): Promise<number> {
  listenToChildren();
  const { file, args, env, folder, descriptors, isUnstoppable, isOnThisThread = false } = program;
  const [actions, attributes] = [Buffer.alloc(ROOM), Buffer.alloc(ROOM)];
  // Above all that they are to become, so that none takes the place of another before that is moved.
  const sources: number[] = [];
  cActionsInit(actions);
  cAttributesInit(attributes);
  try {
    for (const fd of descriptors) sources.push(duplicateAbove(fd, descriptors.length));
    for (const [i, fd] of sources.entries()) must("adddup2", cActionsDup2(actions, fd, i));
    must("addchdir", cActionsChdir(actions, folder));
    // Node ignores SIGPIPE, and its worker threads block signals: neither is for others.
    cAttributesDefault(attributes, Buffer.alloc(128, 0xff));
    cAttributesMask(attributes, isUnstoppable ? ASKING_TO_END : Buffer.alloc(128));
    cAttributesFlags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID);
    const pid = Buffer.alloc(4);
    const parameters = [pid, file, actions, attributes, [file, ...args, null], [...env, null]];
    const errno = isOnThisThread
      ? cPosixSpawn(...parameters)
      : await checkAsync("posix_spawn", cPosixSpawn, ...parameters);
    must("posix_spawn", errno);
    return pid.readInt32LE();
  } finally {
    for (const fd of sources) close(fd);
    cActionsDestroy(actions);
    cAttributesDestroy(attributes);
  }
}

/** These functions answer with the number of the error. */
function must(call: string, errno: number): void {
  if (errno !== 0) throw new SystemCallError(call, errno);
}

/** With SIGCHLD ignored, as a parent may hand it down and Bun keeps it, the kernel forgets how children ended. */
function listenToChildren(): void {
  const [SIGCHLD, SIG_IGN] = [17, 1n];
  // struct sigaction of glibc: 152 bytes, the handler first; all zeros are SIG_DFL.
  const now = Buffer.alloc(152);
  check("sigaction", cSigaction(SIGCHLD, null, now));
  if (now.readBigUInt64LE() === SIG_IGN) check("sigaction", cSigaction(SIGCHLD, Buffer.alloc(152), null));
}

/** A sigset_t: SIGHUP 1, SIGINT 2, SIGQUIT 3, SIGPIPE 13, SIGTERM 15; signal n is bit n - 1. */
const ASKING_TO_END = Buffer.alloc(128);
ASKING_TO_END.writeUInt16LE(0b0101_0000_0000_0111, 0);

/** How a process ended that we have started: its exit status, or null when a signal ended it; undefined as long as it lives. */
export function reap(pid: number): { readonly status: number | null } | undefined {
  const WNOHANG = 1;
  const status = Buffer.alloc(4);
  if (check("waitpid", cWaitpid(pid, status, WNOHANG)) === 0) return undefined;
  // WIFEXITED and WEXITSTATUS of bits/waitstatus.h
  const word = status.readInt32LE();
  return { status: (word & 0x7f) === 0 ? (word >> 8) & 0xff : null };
}

/** A file in memory that has no name and goes with its last descriptor (memfd_create(2)), and what it holds at first. */
export function makeMemoryFile(content: string): number {
  const MFD_CLOEXEC = 1;
  const fd = check("memfd_create", cMemfdCreate("btm", MFD_CLOEXEC));
  const bytes = Buffer.from(content);
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at, bytes.length - at, at);
  return fd;
}

function duplicateAbove(fd: number, least: number): number {
  // fcntl.h of Linux
  const F_DUPFD_CLOEXEC = 1030;
  return check("fcntl", cFcntlInt(fd, F_DUPFD_CLOEXEC, least));
}
