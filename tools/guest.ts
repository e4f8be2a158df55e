/** One guest of the lab: User-Mode Linux with a real OpenZFS, which sees this machine's files at the same paths. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";

import { guestEnvironment } from "./guest-environment.ts";

export interface GuestTask<T> {
  readonly lab: string;
  /** Which OpenZFS: 21 is 2.1.11, 23 is 2.3.2. */
  readonly zfs: string;
  /** The shell line that it runs, given the folder that it shares with this machine. */
  readonly line: (folder: string) => string;
  /** Takes what the guest left in the folder, before that goes. */
  readonly collect: (folder: string) => Promise<T>;
  /** Cuts its power. */
  readonly signal: AbortSignal;
}

export interface GuestEnd<T> {
  /** Of the line; 99 when no guest booted, or when it was cut. */
  readonly status: number | null;
  readonly output: string;
  readonly collected: T;
}

export async function runGuest<T>({ lab, zfs, line, collect, signal }: GuestTask<T>): Promise<GuestEnd<T>> {
  const folder = await mkdtemp(join(tmpdir(), `btm-zfs-${zfs}-`));
  try {
    const args = ["-w", folder, "-z", zfs, line(folder)];
    // In a session of its own: a Ctrl-C must reach this process only, which then takes down the guest with all it has.
    const guest = spawn(join(lab, "zfs-run"), args, {
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...(await guestEnvironment()), VMTIMEOUT: process.env["VMTIMEOUT"] ?? "3600" },
    });
    const ended = once(guest, "close");
    const cut = async (): Promise<void> => {
      // Again and again: cut while it boots, it is booted once more.
      while (guest.exitCode === null && guest.signalCode === null) {
        // It fails when there is nothing to cut at the moment.
        await cutPower(lab, folder);
        await Promise.race([ended, setTimeout(100)]);
      }
    };
    const onAbort = (): void => void cut();
    signal.addEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
    const [stdout, stderr] = await Promise.all([text(guest.stdout), text(guest.stderr), ended]);
    signal.removeEventListener("abort", onAbort);
    return { status: guest.exitCode, output: stdout + stderr, collected: await collect(folder) };
  } finally {
    await cutPower(lab, folder);
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Ends whatever guest shares the folder; none is no failure. On a busy machine one that did not begin in time is booted once
 * more, and what was given up goes on for ever: its kernel is in a session of its own, where the lab's kill does not reach.
 */
export async function cutPower(lab: string, folder: string): Promise<void> {
  await promisify(execFile)(join(lab, "zfs-cut"), [folder]).catch(() => undefined);
}
