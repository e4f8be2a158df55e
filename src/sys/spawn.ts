import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";

import { within } from "./within.ts";

export interface CommandOptions {
  /** When it is ended if it has not ended by itself: SIGTERM, and SIGKILL two seconds later. */
  readonly timeoutMs: number;
  /** What it reads from stdin; nothing unless given. */
  readonly input?: string;
  /** A descriptor that it holds as well for as long as it lives, as number 3. */
  readonly holds?: number | undefined;
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
  /** Its process, when not even SIGKILL ended it: the kernel holds it. */
  readonly stuckPid: number | undefined;

  constructor(message: string, stuckPid: number | undefined) {
    super(message);
    this.stuckPid = stuckPid;
  }
}

/**
 * The one place that starts programs: by absolute path, arguments as an array, never a shell, in a fixed environment. The
 * exit status is an answer, not an error.
 *
 * node:child_process itself, because what it lacks is what the libraries lack too: a process that waits inside the kernel,
 * as on a suspended pool, outlives SIGKILL and must not keep us waiting (measured besides: importing execa 10 takes 75 ms,
 * nano-spawn 18 ms, this 4 ms).
 *
 * @param file absolute
 * @throws CommandTimeout, or the error of spawn, with a code such as ENOENT
 */
export async function runCommand(file: string, args: readonly string[], options: CommandOptions): Promise<Ended> {
  const { timeoutMs, input, holds } = options;
  const child = spawn(file, args, {
    // Messages in English, and nothing of the caller's environment.
    env: { LC_ALL: "C", PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
    cwd: "/",
    stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe", ...(holds === undefined ? [] : [holds])],
    // In a session of its own: Ctrl-C is for us, who finish what is under way.
    detached: true,
  });
  const exited = once(child, "exit");
  const output = Promise.all([exited, textOf(child.stdout, MAX_OUTPUT), textOf(child.stderr, MAX_ERRORS)]);
  // It may end without reading all: its status tells why.
  child.stdin?.on("error", () => undefined).end(input);
  const ended = await within(timeoutMs, output);
  if (ended !== undefined) return { status: child.exitCode, stdout: ended[1], stderr: ended[2] };

  // It may end years later, in whatever way.
  output.catch(() => undefined);
  const isGone = (await end(child, "SIGTERM", exited)) || (await end(child, "SIGKILL", exited));
  child.stdout?.destroy();
  child.stderr?.destroy();
  child.unref();
  throw new CommandTimeout(`no answer within ${String(timeoutMs / 1000)} s`, isGone ? undefined : child.pid);
}

/** Whether a signal to it and all that it has started ends it. */
async function end(child: ChildProcess, signal: NodeJS.Signals, exited: Promise<unknown>): Promise<boolean> {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal);
  } catch {
    // Gone in this moment.
  }
  return (await within(GRACE_MS, exited)) !== undefined;
}

const GRACE_MS = 2000;
/** 65,536 snapshots with their marks are some 12 MB. */
const MAX_OUTPUT = 256 * 1024 * 1024;
const MAX_ERRORS = 1024 * 1024;

/** What a stream says, to the limit; the rest is read and dropped. */
async function textOf(stream: Readable | null, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream ?? []) {
    length += (chunk as Buffer).length;
    if (length <= limit) chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString("utf8");
}
