import { setImmediate } from "node:timers/promises";

import type { Height } from "../../height.ts";
import { subvolumeInfo, SUBVOLUME_INODE, type SubvolumeInfo } from "../../sys/btrfs.ts";
import { entriesOf, type Entry, identityOf } from "../../sys/directory.ts";
import { close, getAttribute, isErrno, openDirectoryIfAny } from "../../sys/libc.ts";
import type { Snapshot } from "../driver.ts";
import { type Mark, parseMark } from "../mark.ts";
import { Aside, type UndoRecord } from "./aside.ts";
import type { Place } from "./place.ts";
import { heightInName } from "../snapshot-name.ts";
import { asideName, ATTRIBUTE, parseMovedName } from "./names.ts";

/** A snapshot, and the id of its subvolume, by which it is destroyed. */
export interface FoundSnapshot {
  readonly snapshot: Snapshot;
  readonly id: bigint;
}

/**
 * Looks for the snapshots of a volume: a readdir of the directory that holds it, then each entry called
 * "<volume>@<height>" is opened and asked what it is. No privilege, no search of trees, no text of another program.
 *
 * What has been found marked is remembered by the id of its subvolume, which a file system never uses again, so that a
 * due snapshot costs one getdents64 and not a thousand opens. Memory is for deciding only: what it says may be out of date
 * (someone made a snapshot writable, or put a plain directory with the inode of the same number in its place), so whatever
 * is destroyed is looked at afresh.
 */
export class SnapshotFinder {
  #marked = new Map<bigint, Snapshot>();
  /** The live state that the memory was made beside: another file system mounted here has another. */
  #beside = "";
  /** Where its snapshots were seen: through another mount their paths are others. */
  #parentPath: string | undefined;

  /** @param how from memory where there is one, or afresh */
  async find(place: Place, how: "from-memory" | "afresh"): Promise<Snapshot[]> {
    const isElsewhere = this.#beside !== place.uuid || this.#parentPath !== place.parentPath;
    if (how === "afresh" || isElsewhere) this.#marked.clear();
    this.#beside = place.uuid;
    this.#parentPath = place.parentPath;
    const aside = asideName(place.base);
    const entries = await entriesOf(
      place.parent,
      (name) => heightInName(place.base, name) !== undefined || name === aside,
    );
    const hasAside = entries.some(({ name }) => name === aside);
    const opened = hasAside ? await Aside.open(place.parent, place.base) : undefined;
    try {
      const forks = opened === undefined ? new Map<string, number[]>() : await forksIn(opened);
      return await this.#findAmong(entries, place, opened, forks);
    } finally {
      opened?.close();
    }
  }

  async #findAmong(
    entries: readonly Entry[],
    place: Place,
    aside: Aside | undefined,
    forks: ReadonlyMap<string, readonly number[]>,
  ): Promise<Snapshot[]> {
    const marked = new Map<bigint, Snapshot>();
    const found: Snapshot[] = [];
    let looks = 0;
    for (const { name, inode, isDirectory } of entries) {
      if (!isDirectory) continue;
      // Renamed, it would no longer be what we know of it.
      const known = this.#marked.get(inode);
      let snapshot = known?.name === name ? known : undefined;
      if (snapshot === undefined) {
        if (++looks % LOOKS_PER_TURN === 0) await setImmediate();
        snapshot = look(place, name)?.snapshot;
      }
      // Another thing of that name, such as a plain directory, is none.
      if (snapshot === undefined) continue;
      if (snapshot.mark !== undefined) marked.set(inode, snapshot);
      found.push(withAside(snapshot, aside, forks));
    }
    this.#marked = marked;
    return found.sort((a, b) => (a.height < b.height ? -1 : 1));
  }
}

/** Which undo points hang on a snapshot, by its uuid. */
async function forksIn(aside: Aside): Promise<Map<string, number[]>> {
  const forks = new Map<string, number[]>();
  for (const number of await aside.undoNumbers()) {
    const fork = recordIfAllowed(aside, number)?.fork;
    if (fork !== undefined) forks.set(fork, [...(forks.get(fork) ?? []), number]);
  }
  return forks;
}

/** Only root may look into an undo point, and only root can destroy what it hangs on; anybody may list. */
function recordIfAllowed(aside: Aside, number: number): UndoRecord | undefined {
  try {
    return aside.record(number);
  } catch (error) {
    if (isErrno(error, "EACCES")) return undefined;
    throw error;
  }
}

function withAside(
  snapshot: Snapshot,
  aside: Aside | undefined,
  forks: ReadonlyMap<string, readonly number[]>,
): Snapshot {
  const pin = aside?.pin(snapshot.height, snapshot.uuid);
  const hanging = forks.get(snapshot.uuid) ?? [];
  const record = aside?.learnt(snapshot.uuid);
  if (pin === undefined && hanging.length === 0 && record === undefined) return snapshot;
  const neededBy = hanging.map((number) => `undo point ${String(number)}`);
  return { ...snapshot, pinned: pin !== undefined, note: pin?.note, neededBy, record };
}

/** The snapshots that belong to undo points, by the number of theirs, ascending by height. */
export async function findMoved(place: Place, aside: Aside): Promise<Map<number, Snapshot[]>> {
  const moved = new Map<number, Snapshot[]>();
  const forks = await forksIn(aside);
  const entries = await entriesOf(place.parent, (name) => parseMovedName(place.base, name) !== undefined);
  let looks = 0;
  for (const { name, isDirectory } of entries) {
    const undo = parseMovedName(place.base, name)?.undo;
    if (!isDirectory || undo === undefined) continue;
    if (++looks % LOOKS_PER_TURN === 0) await setImmediate();
    const found = look(place, name)?.snapshot;
    if (found === undefined) continue;
    const snapshots = moved.get(undo) ?? [];
    snapshots.push(withAside(found, aside, forks));
    moved.set(undo, snapshots);
  }
  for (const snapshots of moved.values()) snapshots.sort((a, b) => (a.height < b.height ? -1 : 1));
  return moved;
}

/** Looks at one entry, of the volume or of an undo point; undefined when it is not a snapshot, or gone. */
export function look(place: Place, name: string): FoundSnapshot | undefined {
  const height = heightInName(place.base, name) ?? parseMovedName(place.base, name)?.height;
  if (height === undefined) return undefined;
  const fd = openDirectoryIfAny(place.parent, name);
  if (fd === undefined) return undefined;
  try {
    if (identityOf(fd).inode !== SUBVOLUME_INODE) return undefined;
    const subvolume = subvolumeInfo(fd);
    if (subvolume.parentUuid === undefined && subvolume.receivedUuid === undefined) return undefined;
    const mark = parseMark(getAttribute(fd, ATTRIBUTE.mark));
    const snapshot: Snapshot = {
      height,
      name,
      path: place.parentPath === undefined ? undefined : `${place.parentPath === "/" ? "" : place.parentPath}/${name}`,
      createdAt: subvolume.createdAt,
      mark: mark !== undefined && belongsHere(mark, place.base, height, subvolume) ? mark : undefined,
      pinned: false,
      note: undefined,
      neededBy: [],
      uuid: subvolume.uuid,
    };
    return { snapshot, id: subvolume.id };
  } catch (error) {
    // Destroyed since it was opened.
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  } finally {
    close(fd);
  }
}

/**
 * A mark counts only where it was written: a copy of the snapshot under another name, in another place, received from
 * another machine, or made writable and written to since, is not ours to destroy. That nothing was written is told by
 * ctransid, which is then no higher than the transaction of the snapshot (and lower, when something was committed between
 * the mark and it); neither a balance nor the clean-up of deleted open files raises it (tried on Linux 6.1 and 6.18); to adopt a
 * snapshot is to write to it.
 */
function belongsHere(mark: Mark, base: string, height: Height, subvolume: SubvolumeInfo): boolean {
  const { parentUuid, readOnly, createdIn, changedIn } = subvolume;
  const isAsWritten = mark.volume === base && mark.height === String(height) && mark.origin === parentUuid;
  return isAsWritten && readOnly && (mark.adopted === true || changedIn <= createdIn);
}

/** Looking at one costs about 10 microseconds from the cache, a disk access when cold: let the event loop turn in between. */
const LOOKS_PER_TURN = 128;
