import { randomBytes } from "node:crypto";

import { systemctl, systemProgram } from "../rollback/systemctl.ts";
import { escapeText } from "../text.ts";
import { becomesTrue } from "./poll.ts";

/** What shall happen when the hold is over, in whatever way. */
export interface GuardOptions {
  /** One line for systemctl and the journal. */
  readonly description: string;
  /** After that it is over, counted from now; systemd may be a quarter of a second late. */
  readonly limitMs: number;
  /** A file that gets what the guard is told while it lasts, and "0" at its end. */
  readonly controls?: string;
  /** Commands of the system that are run at its end: a program's name and its arguments. */
  readonly atEnd: readonly (readonly string[])[];
}

/**
 * What makes sure that a hold ends: a unit of its own, started by systemd and not by us. It is `cat`, which reads a pipe
 * that we have open for writing. When we die, of whatever, the kernel closes the pipe, `cat` comes to its end, and
 * systemd runs what the unit has for its stop (ExecStopPost=, "even if the service failed", systemd.service(5)). The same
 * happens after the limit (RuntimeMaxSec=), when `cat` itself is killed, and at a shutdown. So the last word is that of
 * process 1, and nothing of btm is needed for it.
 *
 * A file is written through it only (`controls`): without a guard, nothing is ever frozen.
 */
export interface Guard {
  /** Writes a line into the file; whether the guard is there to do it. */
  readonly tell: (line: string) => boolean;
  /** Ends it, and waits until what is to be done at its end is done. */
  readonly end: () => Promise<void>;
}

/** @throws Error when it does not start; then nothing is left of it */
export async function startGuard(options: GuardOptions): Promise<Guard> {
  const { EndPipe } = await import("../sys/end-pipe.ts");
  const { runCommand } = await import("../sys/spawn.ts");
  const unit = `btm-guard-${randomBytes(8).toString("hex")}.service`;
  const pipe = new EndPipe();
  const end = async (): Promise<void> => {
    pipe.close();
    // What has ended by itself meanwhile is not known any more, which is as well.
    await systemctl(["stop", "--", unit]);
  };
  try {
    const args = guardArguments({ ...options, unit, pipe: pipe.path, program: requireProgram });
    const { status, stderr } = await runCommand(requireProgram("systemd-run"), args, { timeoutMs: START_MS });
    if (status !== 0) throw new Error(`systemd-run failed: ${escapeText(stderr.trim())}`);
    // The program was executed when systemd-run came back (Type=exec), and opens the pipe in a moment. What it reads first
    // changes nothing.
    pipe.write("0\n");
    if (!(await becomesTrue(() => pipe.isRead, START_MS))) {
      throw new Error(`${unit} does not do what it is started for; look at journalctl -u ${unit}`);
    }
    pipe.handOver();
  } catch (error) {
    await end().catch(() => undefined);
    throw error;
  }
  return { tell: (line) => pipe.write(`${line}\n`), end };
}

/** The programs that a guard is made of. */
export const GUARD_PROGRAMS = ["systemctl", "systemd-run", "cat", "rm"] as const;

const START_MS = 5000;

function requireProgram(name: string): string {
  const file = systemProgram(name);
  if (file === undefined) throw new Error(`there is no ${name}`);
  return file;
}

/** The arguments of systemd-run(1); pure. */
export function guardArguments(
  options: GuardOptions & {
    readonly unit: string;
    readonly pipe: string;
    readonly program: (name: string) => string;
  },
): string[] {
  const { unit, pipe, program, description, limitMs, controls, atEnd } = options;
  const cat = program("cat");
  // "-": the next is run also when one fails.
  const commands = atEnd.map(([name = "", ...words]) =>
    ["ExecStopPost=-" + program(name), ...words.map(commandWord)].join(" "),
  );
  const properties = [
    "Type=exec",
    `RuntimeMaxSec=${String(Math.ceil(limitMs))}ms`,
    "TimeoutStopSec=5s",
    // Two lines for each snapshot would fill the journal; what fails is logged.
    "LogLevelMax=notice",
    // What cat has for stdin when it is given no file: "0" and a newline.
    ...(controls === undefined
      ? ["StandardOutput=null"]
      : ["StandardInput=data", "StandardInputData=MAo=", `StandardOutput=file:${controls}`, `ExecStopPost=-${cat}`]),
    ...commands,
  ];
  return [
    ...["--system", "--quiet", "--collect", "--no-ask-password"],
    `--unit=${unit}`,
    `--description=${description}`,
    ...properties.map((property) => `--property=${property}`),
    ...["--", cat, pipe],
  ];
}

/** systemd splits at blanks and reads backslashes, which names of units have (systemd.service(5), COMMAND LINES). */
function commandWord(word: string): string {
  return word.replaceAll("\\", "\\\\").replaceAll("$", "$$$$");
}
