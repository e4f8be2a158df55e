/** Copies that btm opens for itself, to start something on them. */
import { setTimeout } from "node:timers/promises";

import { type Claim, claim, claimWithin } from "../check/claim.ts";
import type { OpenClone, Snapshot, Volume } from "../driver/driver.ts";
import { BtmError, isBtmError } from "../errors.ts";
import type { Height } from "../height.ts";
import type { Session } from "../session.ts";
import { quote } from "../text.ts";
import { isOurs, snapshotAt, type Use } from "./use.ts";

export interface Copy {
  readonly snapshot: Snapshot;
  readonly clone: OpenClone;
  /** Of the clone; of a zvol its device. */
  readonly path: string;
  /** Where the live files are. */
  readonly live: string | undefined;
  /** Of the volume. */
  readonly name: string;
  readonly recovered: readonly string[];
  readonly claim: Claim;
}

/**
 * Opens a copy, and claims it: as long as this process lives nobody takes it for one that was left behind. Those that
 * were are destroyed first.
 *
 * @param height of the newest snapshot when undefined
 * @param accept throws when it is not to be opened
 * @throws BtmError NO_SNAPSHOTS, NO_SUCH_SNAPSHOT, NAME_TAKEN
 */
export function openCopy(
  { run }: Use,
  height: Height | undefined,
  action: string,
  signal: AbortSignal | undefined,
  accept: (snapshot: Snapshot) => void = () => undefined,
): Promise<Copy> {
  return run(signal, async (session) => {
    await session.lock();
    await clearLeftCopies(session);
    const { volume } = session;
    const snapshot = height === undefined ? await newest(volume, action) : await snapshotAt(session, height, action);
    accept(snapshot);
    const clone = await volume.openClone(snapshot, { isForCheck: true });
    const path = clone.path ?? (await devicePath(volume, clone));
    const claimed = path === undefined ? undefined : await claimWithin(path, PATIENCE_MS);
    if (path === undefined || claimed === undefined) {
      await closePatiently(volume, clone);
      const [why, hint] =
        path === undefined
          ? ["nothing shows its copy", "Mount the volume"]
          : ["something else has its copy locked", "udev looks at new devices; try again"];
      throw new BtmError("BLOCKED", `Cannot ${action} ${String(snapshot.height)}: ${why}`, { hint });
    }
    const { recovered } = session;
    return { snapshot, clone, path, live: volume.path, name: volume.name, recovered, claim: claimed };
  });
}

/** Of what came of a check. */
export const NOT_KEPT = "what came of it is not kept beside the snapshot";

/**
 * Destroys the copy, and before that lets `use` see to what was learnt of its snapshot. Never fails.
 *
 * @returns what the user should know
 */
export async function closeCopy(
  { run }: Pick<Use, "run">,
  { clone, claim: claimed, snapshot }: Pick<Copy, "clone" | "claim" | "snapshot">,
  learn?: (session: Session) => Promise<void>,
): Promise<string[]> {
  const warnings: string[] = [];
  let isLearnt = learn === undefined;
  try {
    // Not by the signal of the call: what was opened is closed, also when that has been stopped.
    await run(undefined, async (session) => {
      await session.lock();
      claimed.release();
      isLearnt = true;
      await learn?.(session).catch((error: unknown) => {
        warnings.push(`${NOT_KEPT}: ${messageOf(error)}`);
      });
      const there = (await session.volume.clones()).find(({ uuid }) => uuid === clone.uuid);
      if (there !== undefined) await closePatiently(session.volume, there);
    });
  } catch (error) {
    claimed.release();
    if (!isLearnt) warnings.push(`${NOT_KEPT}: ${messageOf(error)}`);
    const what = `the copy of ${String(snapshot.height)} is left`;
    warnings.push(`${what}, and the next btm verify or btm recover destroys it: ${messageOf(error)}`);
  }
  return warnings;
}

/** Destroys the copies that a check which was killed has left. Needs the lock. */
export async function clearLeftCopies(session: Session): Promise<void> {
  const { volume, recovered } = session;
  for (const clone of (await volume.clones()).filter(isLeft)) {
    const what = `the copy of ${String(clone.height)}, which an interrupted check had left`;
    try {
      await closePatiently(volume, clone);
      recovered.push(`Destroyed ${what}`);
    } catch (error) {
      // It takes space and does no other harm.
      if (!isBtmError(error)) throw error;
      recovered.push(`Something is left of ${what}: ${error.message}`);
    }
  }
}

/** Those that {@link clearLeftCopies} would destroy, in words. Changes nothing. */
export async function leftCopies(volume: Volume): Promise<string[]> {
  const left = (await volume.clones()).filter(isLeft);
  return left.map(({ height }) => `Would destroy the copy of ${String(height)}, which an interrupted check had left`);
}

/** One that nothing shows, as after a reboot, is nobody's any more. */
function isLeft({ isForCheck, path }: OpenClone): boolean {
  if (!isForCheck) return false;
  if (path === undefined) return true;
  const claimed = claim(path);
  claimed?.release();
  return claimed !== undefined;
}

/** The kernel takes down what has ended a moment later: the mounts of a namespace, the files of a killed process. */
const PATIENCE_MS = 5000;

async function closePatiently(volume: Volume, clone: OpenClone): Promise<void> {
  const start = performance.now();
  for (let pause = 5; ; pause = Math.min(2 * pause, 200)) {
    try {
      await volume.closeClone(clone);
      return;
    } catch (error) {
      const mayPass = isBtmError(error) && error.code === "BLOCKED";
      if (!mayPass || performance.now() - start > PATIENCE_MS) throw error;
      await setTimeout(pause);
    }
  }
}

/** The device of a zvol appears when the kernel finds the time. */
async function devicePath(volume: Volume, { uuid }: OpenClone): Promise<string | undefined> {
  const start = performance.now();
  for (;;) {
    const path = (await volume.clones()).find((clone) => clone.uuid === uuid)?.path;
    if (path !== undefined || performance.now() - start > PATIENCE_MS) return path;
    await setTimeout(100);
  }
}

/** As of a rollback: one made by hand only when there is no other. */
async function newest(volume: Volume, action: string): Promise<Snapshot> {
  const snapshots = await volume.snapshots();
  const snapshot = snapshots.findLast(isOurs) ?? snapshots.at(-1);
  if (snapshot !== undefined) return snapshot;
  throw new BtmError("NO_SNAPSHOTS", `Cannot ${action} ${quote(volume.name)}: it has no snapshots`, {
    hint: "btm snapshot takes one",
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
