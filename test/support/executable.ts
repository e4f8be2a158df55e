import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

/** The stand-alone executable that `make` builds. */
export const EXECUTABLE = fileURLToPath(new URL("../../build/btm", import.meta.url));

export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Another user's id, to run as. */
  readonly uid?: number;
  /** Another copy of the executable: that user may not be able to read where the repository lies. */
  readonly executable?: string;
}

/** Copies the executable into a folder, for {@link RunOptions.executable}. */
export async function copyExecutable(folder: string): Promise<string> {
  const copy = join(folder, "btm");
  await copyFile(EXECUTABLE, copy);
  return copy;
}

/** Runs the executable with nothing to read on stdin, and nothing in its environment but what is given. */
export async function btm(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const child = spawn(options.executable ?? EXECUTABLE, args, {
    cwd: "/",
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...options.env },
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { status: child.exitCode, stdout, stderr };
}

/**
 * Runs a shell line under a terminal of its own and types the answer once the prompt is there. `script` makes the terminal
 * (bsdutils, on every Debian); the line takes its words from the environment, so nothing needs quoting.
 */
export async function btmOnTerminal(line: string, env: Readonly<Record<string, string>>, answer: string): Promise<Ran> {
  const child = spawn("script", ["--quiet", "--return", "--command", line, "/dev/null"], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { PATH: process.env["PATH"] ?? "", TERM: "xterm", BTM: EXECUTABLE, ...env },
  });
  let stdout = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    const isPrompt = !stdout.includes("[y/N]") && (stdout + chunk).includes("[y/N]");
    stdout += chunk;
    if (isPrompt) child.stdin.write(`${answer}\n`);
  });
  const [stderr] = await Promise.all([text(child.stderr), once(child, "close")]);
  return { status: child.exitCode, stdout, stderr };
}
