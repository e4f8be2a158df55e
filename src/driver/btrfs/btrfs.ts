import { BtmError, throwIfAborted } from "../../errors.ts";
import { createSnapshot, destroySubvolume, setReadOnly, subvolumeInfo } from "../../sys/btrfs.ts";
import { withDirectory } from "../../sys/directory.ts";
import { getAttribute, isErrno, removeAttribute, setAttribute, SystemCallError } from "../../sys/libc.ts";
import type { Height } from "../../height.ts";
import { quote } from "../../text.ts";
import type {
  Blocker,
  DestroyOutcome,
  Driver,
  DriverDeps,
  RollbackChoices,
  RollbackPlan,
  Snapshot,
  Volume,
} from "../driver.ts";
import type { Mark } from "../mark.ts";
import { Aside } from "./aside.ts";
import { nestedBlockers } from "./blockers.ts";
import { explain, explained } from "./failure.ts";
import { locate } from "./locate.ts";
import { lockVolume, tryLockVolume, type VolumeLock } from "./lock.ts";
import { defaultSubvolume } from "./mounted.ts";
import { snapshotName } from "../snapshot-name.ts";
import { ATTRIBUTE } from "./names.ts";
import { isCurrent, type Place } from "./place.ts";
import { planRollback } from "./plan.ts";
import { recover, rollback } from "./rollback.ts";
import { look, SnapshotFinder } from "./snapshots.ts";

/** Btrfs through its ioctls: no btrfs-progs at run time. Linux 5.8 or newer. */
export function btrfsDriver(deps: DriverDeps): Driver {
  const finder = new SnapshotFinder();
  return {
    mode: "btrfs",
    capabilities: {
      rollbackKeepsNewer: true,
      rollbackKeepsLive: true,
      atomicGroups: false,
      includesChildren: false,
      memoryIsCurrent: true,
    },
    open: async (volume) => new BtrfsVolume(await locate(volume, deps.onStep), finder, deps),
  };
}

class BtrfsVolume implements Volume {
  readonly name: string;
  readonly #place: Place;
  readonly #finder: SnapshotFinder;
  readonly #deps: DriverDeps;
  #lock: VolumeLock | undefined;

  constructor(place: Place, finder: SnapshotFinder, deps: DriverDeps) {
    this.name = place.path;
    this.#place = place;
    this.#finder = finder;
    this.#deps = deps;
  }

  close(): void {
    this.#lock?.close();
    this.#lock = undefined;
    this.#place.close();
  }

  snapshots(how: "from-memory" | "afresh" = "afresh"): Promise<Snapshot[]> {
    return explained(`list the snapshots of ${quote(this.name)}`, () => this.#finder.find(this.#place, how));
  }

  async tryLock(): Promise<boolean> {
    this.#lock ??= await explained(`lock the volume ${quote(this.name)}`, () => tryLockVolume(this.#place));
    return this.#lock !== undefined;
  }

  async lock(timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    return explained(`lock the volume ${quote(this.name)}`, async () => {
      this.#lock ??= await lockVolume(this.#place, timeoutMs, signal);
      return isCurrent(this.#place);
    });
  }

  recover(): Promise<string[]> {
    return explained(`recover the volume ${quote(this.name)}`, async () => {
      await this.#clearStrayMark();
      return recover(this.#work());
    });
  }

  #work(): Parameters<typeof recover>[0] {
    if (this.#lock === undefined) throw new TypeError("The volume must be locked before it is changed");
    return { place: this.#place, lock: this.#lock, deps: this.#deps };
  }

  async pending(): Promise<string[]> {
    const aside = await Aside.open(this.#place.parent, this.#place.base);
    try {
      const journal = aside?.journal();
      return journal === undefined ? [] : [`Would first finish or undo the interrupted rollback to ${journal.height}`];
    } finally {
      aside?.close();
    }
  }

  /** Killed while it took a snapshot, btm leaves the mark on the live root, where a snapshot made by hand would find it. */
  async #clearStrayMark(): Promise<void> {
    await withDirectory(this.#place.parent, this.#place.base, async (root) => {
      if (getAttribute(root, ATTRIBUTE.mark) !== undefined) await this.#step("clear stray mark", () => clearMark(root));
    });
  }

  snapshotBlockers(): Promise<Blocker[]> {
    return explained(`look into the volume ${quote(this.name)}`, () => nestedBlockers(this.#place, this.#place.base));
  }

  /**
   * The mark is set on the live root and sealed by the commit that makes the snapshot, so there is never a snapshot of
   * ours without a mark. It is taken off the live root afterwards, that a snapshot made by hand does not inherit it.
   */
  create(height: Height): Promise<boolean> {
    const { parent, base } = this.#place;
    const name = snapshotName(base, height);
    return explained(`take the snapshot ${quote(name)}`, () =>
      withDirectory(parent, base, async (root) => {
        const { uuid, readOnly } = subvolumeInfo(root);
        if (readOnly) {
          throw new BtmError(
            "READ_ONLY",
            `Cannot take the snapshot ${quote(name)}: ${quote(this.name)} is a read-only subvolume`,
            {
              hint: "Is it a snapshot itself? Give the volume that the node writes to",
            },
          );
        }
        const mark: Mark = { btm: 1, height: String(height), volume: base, origin: uuid };
        await this.#step("set mark", () => setAttribute(root, ATTRIBUTE.mark, JSON.stringify(mark)));
        try {
          await this.#step("snapshot", () => createSnapshot(parent, name, root, { readOnly: true }));
          return true;
        } catch (error) {
          if (!isErrno(error, "EEXIST")) throw error;
          if (look(this.#place, name) !== undefined) return false;
          throw new BtmError(
            "NAME_TAKEN",
            `Cannot take the snapshot ${quote(name)}: something that is no snapshot has that name`,
            {
              hint: "Rename it",
              cause: error,
            },
          );
        } finally {
          await this.#step("clear mark", () => clearMark(root));
        }
      }),
    );
  }

  async destroy(snapshots: readonly Snapshot[], signal?: AbortSignal): Promise<DestroyOutcome[]> {
    if (snapshots.length === 0) return [];
    const outcomes = new Array<DestroyOutcome>(snapshots.length);
    const pins = await Aside.open(this.#place.parent, this.#place.base);
    const rest = snapshots.entries();
    const lane = async (): Promise<void> => {
      for (const [i, snapshot] of rest) {
        throwIfAborted(signal);
        try {
          await this.#destroy(snapshot, pins);
          outcomes[i] = { snapshot };
        } catch (error) {
          outcomes[i] = { snapshot, error: explain(`destroy the snapshot ${quote(snapshot.name)}`, error) };
        }
      }
    };
    try {
      // The kernel destroys one at a time; with two under way it need not wait for us in between (measured: a third less).
      const lanes = await Promise.allSettled([lane(), lane()]);
      for (const ended of lanes) if (ended.status === "rejected") throw ended.reason;
      return outcomes;
    } finally {
      pins?.close();
    }
  }

  async #destroy(snapshot: Snapshot, pins: Aside | undefined): Promise<void> {
    const id = this.#lookAgain(snapshot, pins);
    // Gone already: what was wanted.
    if (id === undefined) return;
    try {
      await this.#step("destroy", () => destroySubvolume(this.#place.parent, id));
    } catch (error) {
      if (!isErrno(error, "EPERM") || (await defaultSubvolume(this.#place)) !== id) throw error;
      throw new BtmError(
        "BLOCKED",
        `Cannot destroy ${quote(snapshot.name)}: it is the default subvolume of its file system`,
        {
          hint: "Make another one the default with btrfs subvolume set-default",
          cause: error,
        },
      );
    }
  }

  /** The id of the subvolume, if it still is the unpinned snapshot with our mark that it was; undefined when it is gone. */
  #lookAgain(snapshot: Snapshot, pins: Aside | undefined): bigint | undefined {
    const now = look(this.#place, snapshot.name);
    if (now === undefined) return undefined;
    const isPinned = pins?.isPinned(snapshot.height, snapshot.uuid) === true;
    if (now.snapshot.uuid === snapshot.uuid && now.snapshot.mark !== undefined && !isPinned) return now.id;
    const what = "it no longer is the unpinned snapshot with our mark that it was";
    throw new BtmError("PLAN_CHANGED", `Cannot destroy ${quote(snapshot.name)}: ${what}`, {
      hint: "Someone changed or replaced it: look at it with btm list",
    });
  }

  /** A mark counts on a read-only snapshot only, so it becomes read-only last: interrupted, it is still unmarked. */
  adopt(snapshot: Snapshot): Promise<void> {
    return explained(`adopt the snapshot ${quote(snapshot.name)}`, () =>
      withDirectory(this.#place.parent, snapshot.name, async (fd) => {
        const info = subvolumeInfo(fd);
        if (info.uuid !== snapshot.uuid)
          throw new BtmError("PLAN_CHANGED", `Cannot adopt ${quote(snapshot.name)}: it has been replaced`);
        // Making a received subvolume writable breaks later incremental receives of it (btrfs-subvolume(8)).
        if (info.receivedUuid !== undefined || info.parentUuid === undefined) {
          throw new BtmError(
            "BLOCKED",
            `Cannot adopt ${quote(snapshot.name)}: it was received from elsewhere, and no live state here is its origin`,
            {
              hint: "It stays as it is: listed, and good to roll back to",
            },
          );
        }
        const mark: Mark = {
          btm: 1,
          height: String(snapshot.height),
          volume: this.#place.base,
          origin: info.parentUuid,
          adopted: true,
        };
        if (info.readOnly) await this.#step("make writable", () => setReadOnly(fd, false));
        let isMarked = false;
        try {
          await this.#step("set mark", () => setAttribute(fd, ATTRIBUTE.mark, JSON.stringify(mark)));
          isMarked = true;
        } finally {
          if (info.readOnly || isMarked) await this.#step("make read-only", () => setReadOnly(fd, true));
        }
      }),
    );
  }

  pin(snapshot: Snapshot): Promise<void> {
    return explained(`pin the snapshot ${quote(snapshot.name)}`, async () => {
      const aside = await Aside.make(this.#place.parent, this.#place.base, this.#deps.onStep);
      try {
        await this.#step("pin", () => aside.setPin(snapshot.height, snapshot.uuid));
      } finally {
        aside.close();
      }
    });
  }

  unpin(snapshot: Snapshot): Promise<void> {
    return explained(`unpin the snapshot ${quote(snapshot.name)}`, async () => {
      const aside = await Aside.open(this.#place.parent, this.#place.base);
      try {
        await this.#step("unpin", () => aside?.setPin(snapshot.height, undefined));
      } finally {
        aside?.close();
      }
    });
  }

  planRollback(target: Snapshot, { signal }: RollbackChoices): Promise<RollbackPlan> {
    return explained(`plan the rollback of ${quote(this.name)}`, () => planRollback(this.#place, target, signal));
  }

  async rollback(plan: RollbackPlan): Promise<string[]> {
    const newest = (await this.snapshots()).at(-1)?.height;
    return explained(`roll back ${quote(this.name)}`, () => rollback(this.#work(), plan, newest));
  }

  async #step(name: string, work: () => unknown): Promise<void> {
    this.#deps.onStep(name, "before");
    await work();
    this.#deps.onStep(name, "after");
  }
}

async function clearMark(root: number): Promise<void> {
  try {
    await removeAttribute(root, ATTRIBUTE.mark);
  } catch (error) {
    // On a full disk it may stay: it names a height and an origin, so it counts nowhere but where it was sealed. The
    // snapshot that was taken is not worth less for it.
    if (!(error instanceof SystemCallError)) throw error;
  }
}
