import { execFile } from "node:child_process";
import { promisify } from "node:util";

const execute = promisify(execFile);

/** Runs a command without a shell and returns what it printed; throws with its error output when it fails. */
export async function run(command: string, args: readonly string[], env = process.env): Promise<string> {
  return (await execute(command, args, { maxBuffer: 64 * 1024 * 1024, env })).stdout;
}
