import { createInterface } from "node:readline/promises";

import type { Terminal } from "./output.ts";

/** The streams of this process. */
export function processTerminal(): Terminal {
  // A reader that went away (btm list | head) is no failure of ours.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
  return {
    write: (text) => process.stdout.write(text),
    writeError: (text) => process.stderr.write(text),
    outIsTty: process.stdout.isTTY,
    errorIsTty: process.stderr.isTTY,
    inIsTty: process.stdin.isTTY,
    env: process.env,
    ask: async (question) => {
      const reader = createInterface({ input: process.stdin, output: process.stderr });
      try {
        const closed = new Promise<undefined>((resolve) =>
          reader.once("close", () => {
            resolve(undefined);
          }),
        );
        return await Promise.race([reader.question(question), closed]);
      } finally {
        reader.close();
      }
    },
  };
}

/** Fires at the first SIGINT or SIGTERM, so that the step under way is finished; the second ends the process at once. */
export function signalOfProcess(exitStatus: number): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(exitStatus);
      controller.abort(new Error(name));
    });
  }
  return controller.signal;
}
