import { close } from "../sys/libc.ts";
import { startProcess } from "../sys/libc-spawn.ts";
import { type EndedChild, keepForPolling, makePipe, readIfAny, reapAny } from "../sys/isolation.ts";

export interface WatchedProgram {
  /** Absolute. */
  readonly file: string;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly folder: string;
}

/** Of the end of what it prints. */
const KEPT_BYTES = 8192;
/** Read in one go at most, so that one that prints without end does not keep us from looking at the clock. */
const MAX_READS = 64;

/**
 * A program that process 1 of a namespace has started, with whatever that starts: looked at every so often, for there is
 * nothing else to do meanwhile, and no thread waits for it.
 */
export class WatchedProcess {
  /** Of the program itself; undefined as long as it lives. */
  ended: EndedChild | undefined;
  /** Neither it nor anything that it has started is left. */
  isAllGone = false;
  readonly #pid: number;
  readonly #output: number;
  readonly #buffer = Buffer.alloc(65_536);
  #said = Buffer.alloc(0);

  private constructor(pid: number, output: number) {
    this.#pid = pid;
    this.#output = output;
  }

  /** @param stdin a descriptor that it reads from */
  static async start(program: WatchedProgram, stdin: number): Promise<WatchedProcess> {
    const { readEnd, writeEnd } = makePipe();
    keepForPolling(readEnd);
    try {
      const descriptors = [stdin, writeEnd, writeEnd];
      const pid = await startProcess({ ...program, descriptors, isUnstoppable: false });
      return new WatchedProcess(pid, readEnd);
    } finally {
      close(writeEnd);
    }
  }

  /** The end of what it has printed, on stdout and stderr. */
  get said(): string {
    return this.#said.toString("utf8");
  }

  /** Sees to what has happened since the last look. */
  look(): void {
    for (;;) {
      const child = reapAny();
      if (child === undefined) break;
      this.isAllGone = child === "none";
      if (child === "none") break;
      if (child.pid === this.#pid) this.ended = child;
    }
    // After that: what it printed last is in the pipe by now.
    for (let reads = 0; reads < MAX_READS; reads++) {
      const length = readIfAny(this.#output, this.#buffer);
      if (length === undefined || length === 0) break;
      const all = Buffer.concat([this.#said, this.#buffer.subarray(0, length)]);
      this.#said = all.subarray(Math.max(0, all.length - KEPT_BYTES));
    }
  }

  /** Asks it, and all that it has started, to end: all processes of the namespace but process 1 (kill(2)). */
  askToEnd(): void {
    try {
      process.kill(-1, "SIGTERM");
    } catch {
      // Nobody is left.
    }
  }
}
