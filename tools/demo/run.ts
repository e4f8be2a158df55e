import { spawn, type SpawnOptions } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";

import { markOf } from "./cleanup.ts";

/** Where the demo works, and what ends it early. */
export interface Stage {
  /** Everything the demo makes is in this folder, or is mounted there. */
  readonly folder: string;
  readonly signal: AbortSignal;
  /** Set for every program that is run. */
  readonly env: Readonly<Record<string, string>>;
}

/** The options for every child process: it bears the mark by which the watchdog finds it. */
export function childOptions(stage: Stage): Pick<SpawnOptions, "detached" | "env" | "signal"> {
  return {
    // A session of its own: of Ctrl-C at the terminal only the demo is told, so that nothing dies under its hands.
    detached: true,
    env: { ...environment, LC_ALL: "C", ...stage.env, ...markOf(stage.folder) },
    signal: stage.signal,
  };
}

/** After "su" without "-", PATH is still the user's, without the folders of mkfs.btrfs and mount. */
export const searchPath = `${process.env["PATH"] ?? "/usr/bin:/bin"}:/usr/sbin:/sbin`;

const environment = { ...process.env, PATH: searchPath };

export interface Output {
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end; throws with the program's own words when it fails. */
export async function run(stage: Stage, file: string, ...args: readonly string[]): Promise<Output> {
  const child = spawn(file, args, { ...childOptions(stage), stdio: ["ignore", "pipe", "pipe"] });
  const [stdout, stderr, [status, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close") as Promise<[number | null, string | null]>,
  ]);
  if (status !== 0) {
    const command = [file, ...args].join(" ");
    throw new Error(
      `"${command}" ended with ${signal ?? `status ${String(status)}`}: ${stderr.trim() || stdout.trim()}`,
    );
  }
  return { stdout, stderr };
}
