import { BtmError } from "../errors.ts";
import { openRunLock, type RunLock } from "../sys/run-lock.ts";
import { commandOf, lockHolder } from "../sys/processes.ts";
import { escapeText, quote } from "../text.ts";

interface Held {
  readonly lock: RunLock;
  /** What the configuration calls the volume. */
  readonly name: string;
  /** A volume whose configuration has changed is served by its new self before the old one has left. */
  users: number;
}

const held = new Map<string, Held>();

/**
 * Two daemons on one volume would each thin by a rule of its own, and each by what it remembers; so would one daemon that
 * serves it under two names. Only root's are kept apart: others may not write where the lock is, and where it would be
 * theirs anybody could keep a daemon out.
 *
 * @param volume its path or dataset, as found
 * @param name of the volume in the configuration
 * @returns what lets another one serve it
 * @throws BtmError ALREADY_RUNNING, BLOCKED
 */
export async function serveAlone(volume: string, name: string): Promise<() => void> {
  if (process.getuid?.() !== 0) return () => undefined;
  const known = held.get(volume);
  if (known !== undefined) return share(volume, known, name);
  const lock = await openRunLock("daemon", volume, "serve a volume alone");
  // Taken by another part of this process while this one opened its own.
  const another = held.get(volume);
  if (another !== undefined) {
    lock.close();
    return share(volume, another, name);
  }
  if (!lock.tryTake()) {
    const holder = await lockHolder(lock.device, lock.inode);
    lock.close();
    throw alreadyServed(volume, `another daemon does${holder === undefined ? "" : await named(holder)}`);
  }
  const ours: Held = { lock, name, users: 0 };
  held.set(volume, ours);
  return share(volume, ours, name);
}

function share(volume: string, ours: Held, name: string): () => void {
  if (ours.name !== name) throw alreadyServed(volume, `this daemon does under the name ${quote(ours.name)}`);
  ours.users++;
  return () => {
    ours.users--;
    if (ours.users > 0) return;
    held.delete(volume);
    ours.lock.close();
  };
}

async function named(pid: number): Promise<string> {
  return `, process ${String(pid)} (${escapeText(await commandOf(pid))})`;
}

function alreadyServed(volume: string, how: string): BtmError {
  return new BtmError("ALREADY_RUNNING", `Cannot serve ${quote(volume)}: ${how}`, {
    hint: "Each volume belongs to one; this one serves it as soon as the other no longer does",
  });
}
