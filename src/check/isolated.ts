import { existsSync } from "node:fs";

import { BtmError, throwIfAborted } from "../errors.ts";
import { close } from "../sys/libc.ts";
import { makePipe } from "../sys/isolation.ts";
import { CommandTimeout, type Ended, runCommand } from "../sys/spawn.ts";
import { quote } from "../text.ts";
import { type Job, parseReport, type Report } from "./job.ts";
import { INSIDE, ownCommand } from "./self.ts";

/** Of util-linux, on every Debian. */
const UNSHARE = "/usr/bin/unshare";
const NAMESPACES = [
  ...["--net", "--pid", "--mount-proc"],
  // What is unmounted outside is let go of inside too: a volume can be rolled back meanwhile.
  ...["--propagation", "slave"],
  ...["--fork", "--kill-child=KILL"],
];
/** For the start of the helper, and the end of all that it leaves to the kernel. */
const MARGIN_MS = 60_000;

/**
 * Runs a command on a clone, in namespaces of its own: of the network only loopback, of the disk nothing writable but the
 * clone. When it returns nothing of it is left.
 *
 * @throws BtmError ABORTED, PERMISSION_DENIED, BLOCKED when there can be no namespaces, TIMED_OUT when the kernel holds it,
 *   BAD_OPTION when the program cannot be started: that says nothing of the clone
 */
export async function runIsolated(job: Job, signal: AbortSignal | undefined): Promise<Report> {
  const action = `start ${quote(job.command[0] ?? "")} on a copy`;
  const own = ownCommand();
  if (!existsSync(UNSHARE)) {
    throw new BtmError("BLOCKED", `Cannot ${action}: there is no ${UNSHARE}`, { hint: "It is of util-linux" });
  }
  throwIfAborted(signal);
  const lifeline = makePipe();
  let isCut = false;
  const cut = (): void => {
    if (!isCut) close(lifeline.writeEnd);
    isCut = true;
  };
  signal?.addEventListener("abort", cut);
  try {
    const ended = await runCommand(UNSHARE, [...NAMESPACES, "--", own.file, ...own.args, INSIDE], {
      timeoutMs: job.timeoutMs + job.stopMs + MARGIN_MS,
      input: JSON.stringify(job),
      holds: [lifeline.readEnd],
      endsGroup: true,
      endsWithUs: true,
    });
    throwIfAborted(signal);
    return reportIn(ended, action);
  } catch (error) {
    if (!(error instanceof CommandTimeout)) throw error;
    throw new BtmError("TIMED_OUT", `Cannot ${action}: what it started did not end, not even killed`, {
      hint: "The kernel holds it: look at the disk",
      cause: error,
    });
  } finally {
    signal?.removeEventListener("abort", cut);
    cut();
    close(lifeline.readEnd);
  }
}

function reportIn({ status, stdout, stderr }: Ended, action: string): Report {
  if (status === 0) {
    const report = parseReport(stdout);
    if (report.answer.kind === "not-started") {
      throw new BtmError("BAD_OPTION", `Cannot ${action}: ${report.answer.why}`, {
        hint: "Is it on PATH, or an absolute path, and executable? docs/verify.md says what the command has",
      });
    }
    if (report.answer.kind !== "no-room") return report;
    throw new BtmError("BLOCKED", `Cannot ${action}: its surroundings cannot be made: ${report.answer.why}`, {
      hint: "Does btm run in a container that lacks CAP_SYS_ADMIN or CAP_NET_ADMIN?",
    });
  }
  const said = stderr.trim();
  // unshare: unshare failed: Operation not permitted
  const refusal = /^(?:unshare|setpriv): (.*)$/m.exec(said)?.[1];
  if (refusal === undefined) {
    const how =
      status === null ? "it was killed" : `it ended with status ${String(status)}: ${quote(said.slice(-300))}`;
    throw new BtmError("SYSTEM_ERROR", `Cannot ${action}: the helper did not do it, ${how}`);
  }
  const isDenied = refusal.endsWith("not permitted");
  throw new BtmError(
    isDenied ? "PERMISSION_DENIED" : "BLOCKED",
    `Cannot ${action} without a network: ${quote(refusal)}`,
    {
      hint: "Run it as root, and not in a container that lacks CAP_SYS_ADMIN",
    },
  );
}
