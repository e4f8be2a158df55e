import { fstatSync, writeSync } from "node:fs";

import { BtmError, exitStatusOf, throwIfAborted } from "../errors.ts";
import type { Terminal } from "./output.ts";

/**
 * The streams of this process, without process.stdin and process.stdout: to touch those costs bun 12 ms each (measured),
 * more than the rest of a start.
 */
export function processTerminal(): Terminal {
  return {
    write: (text) => {
      writeAll(1, text);
    },
    writeError: (text) => {
      writeAll(2, text);
    },
    get outIsTty() {
      return isTerminal(1);
    },
    get errorIsTty() {
      return isTerminal(2);
    },
    get inIsTty() {
      return isTerminal(0);
    },
    env: process.env,
    ask: async (question, signal) => {
      const { createInterface } = await import("node:readline/promises");
      const reader = createInterface({ input: process.stdin, output: process.stderr });
      try {
        const ended = new Promise<undefined>((resolve, reject) => {
          reader.once("close", () => {
            resolve(undefined);
          });
          // In its raw mode the terminal gives Ctrl-C to the reader, not to the process.
          reader.once("SIGINT", () => {
            reject(new BtmError("ABORTED", "Nothing was changed: stopped at the question"));
          });
        });
        return await Promise.race([reader.question(question, { signal }), ended]);
      } catch (error) {
        throwIfAborted(signal);
        throw error;
      } finally {
        reader.close();
      }
    },
  };
}

function isTerminal(fd: number): boolean {
  try {
    // node:tty costs bun 7 ms (measured): only what may be a terminal is asked.
    return fstatSync(fd).isCharacterDevice() && process.getBuiltinModule("node:tty").isatty(fd);
  } catch {
    // Closed by who started us.
    return false;
  }
}

function writeAll(fd: 1 | 2, text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      // A reader that went away (btm list | head) is no failure of ours, and stderr has nobody behind it to tell.
      if (code === "EPIPE" || code === "EBADF" || (fd === 2 && code !== "EAGAIN")) return;
      if (code !== "EAGAIN") {
        writeAll(2, `btm: Cannot write the answer: ${String(code)}\n`);
        process.exit(exitStatusOf.SYSTEM_ERROR);
      }
      // Another process made the pipe non-blocking, and it is full: wait for its reader, a millisecond at a time.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

/** Fires at the first SIGINT, SIGTERM or SIGHUP, so that the step under way is finished; the second ends the process at once. */
export function signalOfProcess(): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(exitStatusOf.ABORTED);
      controller.abort(new Error(name));
    });
  }
  return controller.signal;
}
