import { fstatSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { BtmError } from "../../errors.ts";
import {
  createSnapshot,
  destroySubvolume,
  setDefaultSubvolume,
  SUBVOLUME_INODE,
  subvolumeInfo,
} from "../../sys/btrfs.ts";
import { entriesOf, withDirectory } from "../../sys/directory.ts";
import {
  AT_FDCWD,
  close,
  exchangeNames,
  openDirectoryAt,
  removeAttribute,
  syncFileSystem,
  tryLock,
} from "../../sys/libc.ts";
import { readMounts } from "../../sys/mounts.ts";
import { processesOn } from "../../sys/processes.ts";
import { escapeText, quote } from "../../text.ts";
import type { Blocker, DriverDeps, RollbackPlan, Snapshot, StepObserver } from "../driver.ts";
import { Aside, type Journal, nameTaken } from "./aside.ts";
import { defaultSubvolume, mountOf, type Place } from "./locate.ts";
import { asideName, ATTRIBUTE, LIVE, undoName } from "./names.ts";
import { nestedBlockers } from "./nested.ts";
import { forgetNote, isRemounted, remount } from "./remount.ts";

/** What the plan needs of the file system, read without changing anything. */
export async function planRollback(
  place: Place,
  target: Snapshot,
  signal: AbortSignal | undefined,
): Promise<RollbackPlan> {
  const blockers: Blocker[] = [];
  const aside = await Aside.open(place.parent, place.base);
  const number = (await aside?.nextUndoNumber()) ?? 1;
  aside?.close();
  if (aside === undefined && (await entriesOf(place.parent, (name) => name === asideName(place.base))).length > 0) {
    const { message, hint = "" } = nameTaken(place.base);
    blockers.push({ kind: "name-taken", message, hint });
  }
  blockers.push(...nestedBlockers(place, place.base), ...nestedBlockers(place, target.name));
  blockers.push(...mountBlockers(place), ...(await processBlockers(place, signal)));
  return { target, undo: { number, place: undoPlace(place, number) }, blockers, warnings: fstabWarnings(place) };
}

/**
 * Puts the target in the place of the live state. At every instant the name of the volume leads to a complete one.
 *
 * The order is the reason that a power cut does no harm: the journal reaches the disk with the commit of the snapshot at
 * the latest, the snapshot is synced before the exchange, and the exchange is one entry of one transaction.
 */
export async function rollback(
  place: Place,
  plan: RollbackPlan,
  newest: bigint | undefined,
  deps: DriverDeps,
): Promise<void> {
  const { target, undo } = plan;
  const step = stepper(deps.onStep);
  const aside = await Aside.make(place.parent, place.base, deps.onStep);
  const stagedName = `${undoName(undo.number)}/${LIVE}`;
  try {
    const live = withDirectory(place.parent, place.base, subvolumeInfo);
    const height = String(target.height);
    const journal: Journal = { btm: 1, undo: undo.number, height, target: target.uuid, live: live.uuid };
    await step("write journal", () => aside.writeJournal(journal));
    const record = {
      btm: 1,
      number: undo.number,
      at: deps.now().toISOString(),
      from: newest === undefined ? null : String(newest),
      to: height,
    } as const;
    await step("make undo point", () => aside.makeUndo(record));
    await step("stage", () =>
      withDirectory(place.parent, target.name, (source) =>
        withDirectory(aside.fd, undoName(undo.number), (directory) =>
          createSnapshot(directory, LIVE, source, { readOnly: false }),
        ),
      ),
    );
    const staged = openDirectoryAt(aside.fd, stagedName);
    try {
      await step("clear mark", () => removeAttribute(staged, ATTRIBUTE.mark));
      await step("sync", () => syncFileSystem(place.parent));
      // The snapshot may have taken seconds: a node that was started meanwhile keeps its disk.
      const users = await processBlockers(place, undefined);
      if (users.length > 0) {
        await undoUnfinished(aside, journal, deps.onStep);
        throw inUse(`roll back to ${height}`, users);
      }
      // Whoever waits for the lock looks again at what the name leads to, and finds this one locked as well.
      tryLock(staged);
      await step("exchange", () => exchangeNames(aside.fd, stagedName, place.parent, place.base));
      await finish(place, aside, { number: undo.number, liveId: subvolumeInfo(staged).id }, deps.onStep);
    } finally {
      close(staged);
    }
  } finally {
    aside.close();
  }
}

/** Finishes or undoes a rollback that was interrupted; says what it did. */
export async function recover(place: Place, onStep: StepObserver): Promise<string[]> {
  const aside = await Aside.open(place.parent, place.base);
  if (aside === undefined) return [];
  try {
    const journal = aside.journal();
    if (journal === undefined) return [];
    const step = stepper(onStep);
    let live = withDirectory(place.parent, place.base, subvolumeInfo);
    if (
      live.uuid !== journal.live &&
      place.mount !== undefined &&
      place.isStale &&
      !isRemounted(place.mount, volumeRoot(place))
    ) {
      // The mount still shows what was live, so a node may run on it by now, and nobody has seen the other: back with it.
      const staged = `${undoName(journal.undo)}/${LIVE}`;
      await step("exchange back", () => exchangeNames(aside.fd, staged, place.parent, place.base));
      live = withDirectory(place.parent, place.base, subvolumeInfo);
    }
    if (live.uuid === journal.live) return [await undoUnfinished(aside, journal, onStep)];
    if (place.isStale) {
      const users = await processBlockers(place, undefined);
      if (users.length > 0) throw inUse(`finish the interrupted rollback to ${journal.height}`, users);
    }
    await finish(place, aside, { number: journal.undo, liveId: live.id }, onStep);
    return [`Finished the interrupted rollback to ${journal.height}`];
  } finally {
    aside.close();
  }
}

function inUse(action: string, users: readonly Blocker[]): BtmError {
  return new BtmError("BLOCKED", `Cannot ${action}: ${users.map((user) => user.message).join("; ")}`, {
    hint: "Stop the node, then run the command again",
    details: { blockers: users },
  });
}

/** After the exchange: make it durable, show it wherever the old state was shown, forget the journal. */
async function finish(
  place: Place,
  aside: Aside,
  done: { readonly number: number; readonly liveId: bigint },
  onStep: StepObserver,
): Promise<void> {
  const step = stepper(onStep);
  await step("sync again", () => syncFileSystem(place.parent));
  // A file system that is mounted without subvol= shows its default subvolume, which is named by an id.
  const old = aside.live(done.number);
  if (old !== undefined && old.id === (await defaultSubvolume(place))) {
    await step("set default", () => setDefaultSubvolume(place.parent, done.liveId));
  }
  const { mount } = place;
  if (mount !== undefined) {
    const shown = withDirectory(AT_FDCWD, mount.mountPoint, (fd) => subvolumeInfo(fd).id);
    if (shown !== done.liveId)
      await remount(mount, { root: volumeRoot(place), id: done.liveId, aside: asideRoot(place) }, onStep);
    await forgetNote(mount.mountPoint);
  }
  await step("clear journal", () => aside.clearJournal());
}

/** Before the exchange: what was staged goes, if it is what the journal says. */
async function undoUnfinished(aside: Aside, journal: Journal, onStep: StepObserver): Promise<string> {
  const step = stepper(onStep);
  const staged = aside.live(journal.undo);
  if (staged !== undefined) {
    if (staged.parentUuid !== journal.target) {
      throw new BtmError(
        "BLOCKED",
        `Cannot undo the interrupted rollback to ${journal.height}: ${undoName(journal.undo)}/${LIVE} is not what it made`,
        {
          hint: "Someone has put something else there: move it away, then run the command again",
        },
      );
    }
    await step("destroy staged", () => destroySubvolume(aside.fd, staged.id));
  }
  await step("remove undo point", () => {
    aside.removeUndo(journal.undo);
  });
  await step("clear journal", () => aside.clearJournal());
  return `Undid the interrupted rollback to ${journal.height}: the live state is as it was`;
}

/** Who has the live state in use: what the mount shows, where there is one. */
async function processBlockers(place: Place, signal: AbortSignal | undefined): Promise<Blocker[]> {
  const [from, path] = place.isStale ? [AT_FDCWD, place.path] : [place.parent, place.base];
  const { dev } = withDirectory(from, path, (fd) => fstatSync(fd, { bigint: true }));
  // Of our own descriptors only those of its root are there for btm's sake.
  const uses = await processesOn(dev, { ownExcept: SUBVOLUME_INODE, signal });
  return uses.map((use): Blocker => ({
    kind: "process",
    message: `process ${String(use.pid)} (${escapeText(use.command)}) has it in use: ${use.how} ${quote(use.path)}`,
    hint: "Stop the node first; a shell inside the volume must leave it",
  }));
}

/** Mounts that would go on showing the old state, or lie on top of the volume. */
function mountBlockers(place: Place): Blocker[] {
  const mounts = readMounts();
  const root = volumeRoot(place);
  const device = mountOf(place)?.device;
  const inside = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);
  return mounts.flatMap((mount): Blocker[] => {
    if (mount.id === place.mount?.id) return [];
    if (mount.mountPoint.startsWith(`${place.path}/`)) {
      return [
        { kind: "mount", message: `${quote(mount.mountPoint)} is mounted inside the volume`, hint: "Unmount it first" },
      ];
    }
    if (mount.device === device && inside(mount.root, root)) {
      return [
        {
          kind: "mount",
          message: `${quote(mount.mountPoint)} is a mount of the volume as well, and would go on showing the old state`,
          hint: "Unmount it first, and mount it again afterwards",
        },
      ];
    }
    return [];
  });
}

/** The path of the volume inside its file system. */
export function volumeRoot(place: Place): string {
  if (place.mount !== undefined) {
    return place.isStale ? place.mount.root.split("/").slice(0, -3).join("/") + `/${place.base}` : place.mount.root;
  }
  const mount = mountOf(place);
  if (mount === undefined) return place.path;
  const below = mount.mountPoint === "/" ? place.path : place.path.slice(mount.mountPoint.length);
  return join(mount.root, below);
}

function asideRoot(place: Place): string {
  return join(volumeRoot(place), "..", asideName(place.base));
}

/** An entry of fstab that names the subvolume by its id would mount the old state at the next boot. */
function fstabWarnings(place: Place): string[] {
  let fstab: string;
  try {
    fstab = readFileSync("/etc/fstab", "utf8");
  } catch {
    // No fstab: nothing in it.
    return [];
  }
  return fstab.split("\n").flatMap((line) => {
    const [, mountPoint, type, options] = line.trim().split(/\s+/);
    if (mountPoint !== place.path || type !== "btrfs" || options?.includes("subvolid=") !== true) return [];
    return [
      `/etc/fstab mounts ${quote(place.path)} by subvolid=, which will lead to the old state at the next boot: write subvol=${escapeText(volumeRoot(place).slice(1))} instead`,
    ];
  });
}

function undoPlace(place: Place, number: number): string {
  const name = join(asideName(place.base), undoName(number), LIVE);
  return place.parentPath === undefined
    ? `${name} beside the subvolume, below the top level of the file system`
    : join(place.parentPath, name);
}

type Step = (name: string, work: () => unknown) => Promise<void>;

function stepper(onStep: StepObserver): Step {
  return async (name, work) => {
    onStep(name, "before");
    await work();
    onStep(name, "after");
  };
}
