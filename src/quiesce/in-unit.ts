import { isUnderSystemd, systemProgram, unitStates } from "../rollback/systemctl.ts";
import { runCommand } from "../sys/spawn.ts";

/** How a program that the daemon ran ended; "runs-already" when its unit was there before. */
export type UnitEnd = { readonly status: number | null; readonly stderr: string } | "runs-already";

export interface UnitCommand {
  /** Of systemd, "btm-verify-node.service". */
  readonly unit: string;
  /** Absolute. */
  readonly file: string;
  readonly args: readonly string[];
  readonly timeoutMs: number;
  /** Ends the waiting. Under systemd the command goes on; elsewhere it is ended. */
  readonly signal: AbortSignal;
}

/**
 * Runs a command. Under systemd in a unit of its own: the daemon's may make no namespaces, and a node of another program
 * is not to be counted as the daemon's, nor to die with it. Elsewhere nobody would know of one that is
 * left, so it ends with us, however we end.
 *
 * @throws CommandTimeout; SystemCallError when it does not start; BtmError ABORTED, BLOCKED
 */
export async function runInUnit({ unit, file, args, timeoutMs, signal }: UnitCommand): Promise<UnitEnd> {
  const systemdRun = isUnderSystemd() ? systemProgram("systemd-run") : undefined;
  if (systemdRun === undefined) {
    const ending = { endsGroup: true, endsWithUs: true, signal, graceMs: GRACE_MS };
    return runCommand(file, args, { timeoutMs, ...ending });
  }
  const [state] = await unitStates([unit]);
  if (state !== undefined && GOES_ON.has(state.active)) return "runs-already";
  const options = ["--system", "--quiet", "--collect", "--wait", "--pipe", "--no-ask-password", `--unit=${unit}`];
  const limit = `--property=RuntimeMaxSec=${String(Math.ceil(timeoutMs / 1000))}`;
  const ended = await runCommand(systemdRun, [...options, limit, "--", file, ...args.map(literal)], {
    timeoutMs,
    endsGroup: true,
    signal,
    // Asked to end, a systemd-run that waits may take its unit with it.
    graceMs: 0,
  });
  return isTaken(ended.status, ended.stderr) ? "runs-already" : ended;
}

/**
 * Ends a unit that {@link runInUnit} has made, and waits for its end; elsewhere than under systemd there is none.
 *
 * @throws CommandTimeout
 */
export async function endUnit(unit: string): Promise<void> {
  const systemctl = isUnderSystemd() ? systemProgram("systemctl") : undefined;
  if (systemctl === undefined) return;
  await runCommand(systemctl, ["stop", "--no-ask-password", "--", unit], { timeoutMs: ENDING_MS });
}

/** A word in which systemd expands no variable (systemd.service(5), "Command lines"). */
function literal(word: string): string {
  return word.replaceAll("$", "$$$$");
}

/** Whether systemd-run did not start it, for a unit of that name is there. */
export function isTaken(status: number | null, stderr: string): boolean {
  return status !== 0 && /^Failed to start transient service unit: .*already (?:exists|loaded)/.test(stderr);
}

const GOES_ON: ReadonlySet<string> = new Set(["active", "activating", "deactivating", "reloading", "refreshing"]);
/** TimeoutStopSec= is 90 s by default, and SIGKILL comes after. */
const ENDING_MS = 120_000;
/** To undo what it has made. */
const GRACE_MS = 15_000;
