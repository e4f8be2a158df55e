import { execFile, type ExecFileException } from "node:child_process";

/** Runs a command without a shell and answers with what it wrote; a failure tells what it said. */
export function run(command: string, ...args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    execFile(command, args, { maxBuffer: 64 << 20 }, (error: ExecFileException | null, stdout, stderr) => {
      if (error === null) resolve({ stdout, stderr });
      else reject(new Error(`${command} ${args.slice(0, 4).join(" ")}: ${stderr.trim() || error.message}`));
    });
  });
}

/** Whether the command is there. */
export async function isInstalled(command: string): Promise<boolean> {
  try {
    await run("which", command);
    return true;
  } catch {
    return false;
  }
}
