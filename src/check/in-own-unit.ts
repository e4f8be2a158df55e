import { isUnderSystemd, systemProgram } from "../rollback/systemctl.ts";
import { runCommand } from "../sys/spawn.ts";
import { ownCommand } from "./self.ts";

/** How a command of btm that the daemon ran ended. */
export interface OwnEnd {
  /** Of the exit; null when it was ended by a signal. */
  readonly status: number | null;
  readonly stderr: string;
}

/**
 * Runs a command of this very btm. Under systemd in a unit of its own: the daemon's may make no namespaces, and a node of
 * another program is not to be counted as the daemon's, nor to die with it.
 *
 * @param unit its name, "btm-verify-node.service"
 * @throws CommandTimeout; SystemCallError when it does not start
 */
export async function runOwn(unit: string, words: readonly string[], timeoutMs: number): Promise<OwnEnd> {
  const { file, args } = ownCommand();
  const systemdRun = isUnderSystemd() ? systemProgram("systemd-run") : undefined;
  if (systemdRun === undefined) return runCommand(file, [...args, ...words], { timeoutMs, endsGroup: true });
  const options = ["--system", "--quiet", "--collect", "--wait", "--pipe", "--no-ask-password", `--unit=${unit}`];
  const limit = `--property=RuntimeMaxSec=${String(Math.ceil(timeoutMs / 1000))}`;
  return runCommand(systemdRun, [...options, limit, "--", file, ...args, ...words], { timeoutMs, endsGroup: true });
}
