/**
 * The demo (make demo): a real node, mining on a real Btrfs, snapshotted while it runs, put back, and asked.
 *
 * usage: node tools/demo/demo.ts [BTM]
 *   BTM                   the executable to show; build/btm unless given
 *   BTM_DEMO_NO_FLUSH=1   does not have the node write its state before a snapshot: the demo then has to fail
 */
import { randomBytes } from "node:crypto";
import { realpathSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { FOLDER_PREFIX, startWatchdog } from "./cleanup.ts";
import { lookAtMachine, whatIsMissing } from "./machine.ts";
import { failed, finished, interrupted, say } from "./say.ts";
import { tell } from "./story.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

const start = performance.now();
const btm = resolve(process.argv[2] ?? join(import.meta.dirname, "../../build/btm"));
const missing = whatIsMissing(await lookAtMachine(btm));
if (missing.length > 0) {
  failed(
    `The demo cannot run here. It needs:\n${missing.map(({ what, todo }) => `  - ${what}\n    ${todo}`).join("\n")}`,
  );
  process.exit(1);
}

const interruption = new AbortController();
let endedBy: NodeJS.Signals | undefined;
const interrupt = (signal: NodeJS.Signals): void => {
  if (endedBy !== undefined) return;
  endedBy = signal;
  interrupted(`Interrupted (${signal}): clearing away.`);
  interruption.abort();
};
for (const signal of SIGNALS) process.on(signal, interrupt);
// Nobody listens any more: "make demo | head", or a terminal that was closed.
process.stdout.on("error", () => {
  interrupt("SIGPIPE");
});
process.stderr.on("error", () => undefined);

// With every link resolved, as the kernel names mounts and loop devices.
const folder = join(realpathSync(tmpdir()), FOLDER_PREFIX + randomBytes(6).toString("hex"));
const watchdog = startWatchdog(folder);
let isRight = false;
try {
  await mkdir(folder, { mode: 0o700 });
  const flushes = process.env["BTM_DEMO_NO_FLUSH"] !== "1";
  await tell({ folder, signal: interruption.signal, env: {} }, { btm, flushes });
  isRight = true;
} catch (error) {
  if (endedBy === undefined) failed(error instanceof Error ? error.message : String(error));
}
if (isRight) say("Now the node's disk is unmounted and removed.");
if (!(await watchdog.clearAway())) {
  failed("Something of the demo is left on this machine, see above.");
  isRight = false;
}
if (endedBy !== undefined) {
  // To end by the signal itself, so that make and the shell see that it was one.
  for (const signal of SIGNALS) process.off(signal, interrupt);
  process.kill(process.pid, endedBy);
}
if (isRight)
  finished(`Everything agreed, and nothing is left behind (${((performance.now() - start) / 1000).toFixed(0)} s).`);
process.exitCode = isRight ? 0 : 1;
