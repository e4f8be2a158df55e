import { createInterface } from "node:readline/promises";

import { exitStatusOf, throwIfAborted } from "../errors.ts";
import type { Terminal } from "./output.ts";

/** The streams of this process. */
export function processTerminal(): Terminal {
  // A reader that went away (btm list | head) is no failure of ours.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") return;
    process.stderr.write(`btm: Cannot write the answer: ${error.message}\n`);
    process.exit(exitStatusOf.SYSTEM_ERROR);
  });
  // There is nobody left to tell.
  process.stderr.on("error", () => undefined);
  return {
    write: (text) => process.stdout.write(text),
    writeError: (text) => process.stderr.write(text),
    outIsTty: process.stdout.isTTY,
    errorIsTty: process.stderr.isTTY,
    inIsTty: process.stdin.isTTY,
    env: process.env,
    ask: async (question, signal) => {
      const reader = createInterface({ input: process.stdin, output: process.stderr });
      // In its raw mode the terminal gives Ctrl-C to the reader, not to the process.
      reader.once("SIGINT", () => process.kill(process.pid, "SIGINT"));
      try {
        const closed = new Promise<undefined>((resolve) =>
          reader.once("close", () => {
            resolve(undefined);
          }),
        );
        return await Promise.race([reader.question(question, { signal }), closed]);
      } catch (error) {
        throwIfAborted(signal);
        throw error;
      } finally {
        reader.close();
      }
    },
  };
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
