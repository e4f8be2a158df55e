import { fstatSync, readSync } from "node:fs";
import { setTimeout } from "node:timers/promises";

import { throwIfAborted } from "../errors.ts";
import { close } from "./libc.ts";
import { makeMemoryFile, reap, startProcess } from "./libc-spawn.ts";

export interface CommandOptions {
  /** When it is ended if it has not ended by itself: SIGTERM, and SIGKILL two seconds later. */
  readonly timeoutMs: number;
  /** Between SIGTERM and SIGKILL, instead of two seconds; 0 for no SIGTERM. */
  readonly graceMs?: number;
  /** Ends it before its time. */
  readonly signal?: AbortSignal;
  /** What it reads from stdin; nothing unless given. */
  readonly input?: string;
  /** "NAME=value", all that it has; {@link ENVIRONMENT} unless given. */
  readonly env?: readonly string[];
  /** When it was ended, what it has started and left behind is killed as well. */
  readonly endsGroup?: boolean;
  /** Descriptors that it holds as well for as long as it lives, as number 3 and on. */
  readonly holds?: readonly number[];
  /** It must not be ended in the middle: signals but SIGKILL are kept from it, and in time it is left, not ended. */
  readonly isUnstoppable?: boolean;
  /** It is killed when this process ends, however that ends. */
  readonly endsWithUs?: boolean;
}

/** How a command ended. */
export interface Ended {
  /** null when a signal ended it. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that gave no answer in time; whether what it was asked for has happened is not known. */
export class CommandTimeout extends Error {
  override readonly name = "CommandTimeout";
  /** Its process, when it goes on: it must not be ended, or the kernel holds it and not even SIGKILL ended it. */
  readonly stuckPid: number | undefined;

  constructor(message: string, stuckPid: number | undefined) {
    super(message);
    this.stuckPid = stuckPid;
  }
}

/**
 * The one place that starts programs: by absolute path, arguments as an array, never a shell, in a fixed environment and in
 * a session of its own, for Ctrl-C is meant for us, who finish what is under way. The exit status is an answer, not an
 * error. What it prints goes into files in memory, so that nothing waits for it: a process that waits inside the kernel, as
 * on a pool that is suspended, outlives SIGKILL.
 *
 * @param file absolute
 * @throws CommandTimeout; SystemCallError when it does not start; BtmError ABORTED by the signal
 */
export async function runCommand(file: string, args: readonly string[], options: CommandOptions): Promise<Ended> {
  const { timeoutMs, input = "", holds = [], isUnstoppable = false, env = ENVIRONMENT, endsGroup = false } = options;
  const { endsWithUs: isOnThisThread = false, signal, graceMs = GRACE_MS } = options;
  throwIfAborted(signal);
  const program = isOnThisThread
    ? { file: SETPRIV, args: ["--pdeathsig", "KILL", "--", file, ...args] }
    : { file, args };
  const [stdin, stdout, stderr] = [makeMemoryFile(input), makeMemoryFile(""), makeMemoryFile("")];
  try {
    const descriptors = [stdin, stdout, stderr, ...holds];
    const pid = await startProcess({ ...program, env, folder: "/", descriptors, isUnstoppable, isOnThisThread });
    const ended = await endOf(pid, timeoutMs, (elapsed) => {
      if (signal?.aborted === true) return true;
      return elapsed > 1000 && fstatSync(stdout).size + fstatSync(stderr).size > MAX_OUTPUT;
    });
    if (ended !== undefined) return { status: ended.status, stdout: textOf(stdout), stderr: textOf(stderr) };
    const isTooMuch = fstatSync(stdout).size + fstatSync(stderr).size > MAX_OUTPUT;
    const isAskedTo = !isUnstoppable && graceMs > 0 && (await end(pid, "SIGTERM", graceMs));
    const isGone = isAskedTo || (!isUnstoppable && (await end(pid, "SIGKILL", GRACE_MS)));
    if (!isGone) reapLater(pid);
    if (endsGroup) signalGroup(pid, "SIGKILL");
    throwIfAborted(signal);
    if (isTooMuch) throw new Error(`it printed more than ${String(MAX_OUTPUT)} bytes`);
    throw new CommandTimeout(`no answer within ${String(timeoutMs / 1000)} s`, isGone ? undefined : pid);
  } finally {
    for (const fd of [stdin, stdout, stderr]) close(fd);
  }
}

/** Messages in English, and nothing of the caller's environment. */
const ENVIRONMENT = ["LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"];
/** Of util-linux, as unshare: on every Debian. It sets what the kernel does to it when its parent ends, and becomes the program. */
const SETPRIV = "/usr/bin/setpriv";
const GRACE_MS = 2000;
/** 65,536 snapshots with their marks are some 12 MB. */
const MAX_OUTPUT = 256 * 1024 * 1024;

/** Waits for a process: how it ended, undefined when it takes longer or must be ended. */
async function endOf(
  pid: number,
  limitMs: number,
  mustEnd: (elapsed: number) => boolean,
): Promise<ReturnType<typeof reap>> {
  const start = performance.now();
  for (;;) {
    const ended = reap(pid);
    if (ended !== undefined) return ended;
    const elapsed = performance.now() - start;
    if (elapsed >= limitMs || mustEnd(elapsed)) return undefined;
    // An eighth of the time that has passed is lost at the most, and each look takes time from the command as well.
    await setTimeout(Math.min(Math.max(2, elapsed / 8), 50, limitMs - elapsed));
  }
}

/** Whether a signal to it and all that it has started ends it. */
async function end(pid: number, signal: NodeJS.Signals, limitMs: number): Promise<boolean> {
  signalGroup(pid, signal);
  return (await endOf(pid, limitMs, () => false)) !== undefined;
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // Gone in this moment.
  }
}

/** It may end hours later, and must not stay a zombie; nor must we stay for it. */
function reapLater(pid: number): void {
  const timer = setInterval(() => {
    if (reap(pid) !== undefined) clearInterval(timer);
  }, 1000);
  timer.unref();
}

function textOf(fd: number): string {
  const bytes = Buffer.alloc(fstatSync(fd).size);
  let length = 0;
  for (let read = -1; read !== 0 && length < bytes.length; length += read) {
    read = readSync(fd, bytes, length, bytes.length - length, length);
  }
  return bytes.toString("utf8", 0, length);
}
