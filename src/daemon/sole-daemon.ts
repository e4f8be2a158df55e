import { BtmError } from "../errors.ts";
import { openRunLock, type RunLock } from "../sys/run-lock.ts";
import { commandOf, lockHolder } from "../sys/processes.ts";
import { escapeText, quote } from "../text.ts";

interface Held {
  readonly lock: RunLock;
  /** A volume whose configuration has changed is served by its new self before the old one has left. */
  users: number;
}

const held = new Map<string, Held>();

/**
 * Two daemons on one volume would each thin by a rule of its own, and each by what it remembers. Only root's are kept
 * apart: others may not write where the lock is, and where it would be theirs anybody could keep a daemon out.
 *
 * @param volume its path or dataset, as found
 * @returns what lets another one serve it
 * @throws BtmError ALREADY_RUNNING, BLOCKED
 */
export async function serveAlone(volume: string): Promise<() => void> {
  if (process.getuid?.() !== 0) return () => undefined;
  const known = held.get(volume);
  if (known !== undefined) {
    known.users++;
    return () => {
      letGo(volume, known);
    };
  }
  const lock = await openRunLock("daemon", volume, "serve a volume alone");
  const another = held.get(volume);
  if (another !== undefined) {
    // Taken by another part of this process while this one opened its own.
    lock.close();
    return serveAlone(volume);
  }
  if (!lock.tryTake()) {
    const holder = await lockHolder(lock.device, lock.inode);
    lock.close();
    throw alreadyServed(volume, holder === undefined ? "" : await named(holder));
  }
  const ours: Held = { lock, users: 1 };
  held.set(volume, ours);
  return () => {
    letGo(volume, ours);
  };
}

function letGo(volume: string, ours: Held): void {
  ours.users--;
  if (ours.users > 0) return;
  held.delete(volume);
  ours.lock.close();
}

async function named(pid: number): Promise<string> {
  return `, process ${String(pid)} (${escapeText(await commandOf(pid))})`;
}

function alreadyServed(volume: string, holder: string): BtmError {
  return new BtmError("ALREADY_RUNNING", `Cannot serve ${quote(volume)}: another daemon does${holder}`, {
    hint: "Stop one of the two, or give each volumes of its own; this one goes on as soon as the other has ended",
  });
}
