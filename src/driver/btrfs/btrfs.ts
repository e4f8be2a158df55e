import { BtmError } from "../../errors.ts";
import { createSnapshot, setReadOnly, subvolumeInfo } from "../../sys/btrfs.ts";
import { withDirectory } from "../../sys/directory.ts";
import { getAttribute, isErrno, removeAttribute, setAttribute, SystemCallError } from "../../sys/libc.ts";
import type { Height } from "../../height.ts";
import { quote } from "../../text.ts";
import type {
  Blocker,
  DestroyOutcome,
  Driver,
  DriverDeps,
  DropPlan,
  Goal,
  CloneWishes,
  OpenClone,
  Recovery,
  RollbackChoices,
  RollbackHelp,
  RollbackPlan,
  Snapshot,
  UndoPoint,
  Volume,
} from "../driver.ts";
import type { Mark } from "../mark.ts";
import type { NodeFacts } from "../../node-facts.ts";
import type { SnapshotRecord } from "../../record.ts";
import { Aside } from "./aside.ts";
import { nestedBlockers } from "./blockers.ts";
import { closeClone, findClones, openClone } from "./clones.ts";
import { destroySnapshots } from "./destroy.ts";
import { drop, planDrop } from "./drop.ts";
import { explained } from "./failure.ts";
import { locate } from "./locate.ts";
import { lockVolume, tryLockVolume, type VolumeLock } from "./lock.ts";
import { exclusiveBytesOf } from "./measure.ts";
import { snapshotName } from "../snapshot-name.ts";
import { ATTRIBUTE } from "./names.ts";
import { isCurrent, type Place } from "./place.ts";
import { planRollback } from "./plan.ts";
import { describePending, recover } from "./recovery.ts";
import { rollback } from "./rollback.ts";
import { look, SnapshotFinder } from "./snapshots.ts";
import { type Step, stepper } from "./step.ts";
import { withTree } from "./trees.ts";
import { undoPointsOf } from "./undo-points.ts";
import type { Work } from "./work.ts";

/** Btrfs through its ioctls: no btrfs-progs at run time. Linux 5.8 or newer. */
export function btrfsDriver(deps: DriverDeps): Driver {
  const finder = new SnapshotFinder();
  return {
    mode: "btrfs",
    capabilities: {
      discardsInOneStep: false,
      clonesNeedTheirSnapshot: false,
      atomicGroups: false,
      includesChildren: false,
      memoryIsCurrent: true,
    },
    open: async (volume) => new BtrfsVolume(await locate(volume, deps.onStep), finder, deps),
  };
}

class BtrfsVolume implements Volume {
  readonly name: string;
  readonly pool = undefined;
  readonly path: string;
  readonly #place: Place;
  readonly #finder: SnapshotFinder;
  readonly #deps: DriverDeps;
  #lock: VolumeLock | undefined;

  constructor(place: Place, finder: SnapshotFinder, deps: DriverDeps) {
    this.name = place.path;
    this.path = place.path;
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

  recover(): Promise<Recovery> {
    return explained(`recover the volume ${quote(this.name)}`, async () => {
      await this.#clearStrayMark();
      return recover(this.#work());
    });
  }

  #work(): Work {
    if (this.#lock === undefined) throw new TypeError("The volume must be locked before it is changed");
    return { place: this.#place, lock: this.#lock, deps: this.#deps };
  }

  pending(): Promise<string[]> {
    return explained(`look for an interrupted rollback of ${quote(this.name)}`, () => describePending(this.#place));
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
  create(height: Height, node?: NodeFacts): Promise<boolean> {
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
        const facts = node === undefined ? {} : { node };
        const mark: Mark = { btm: 1, height: String(height), volume: base, origin: uuid, ...facts };
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

  createTogether(): Promise<boolean> {
    throw new TypeError("Btrfs cannot snapshot several subvolumes in one step");
  }

  destroy(snapshots: readonly Snapshot[], signal?: AbortSignal): Promise<DestroyOutcome[]> {
    return destroySnapshots(this.#place, snapshots, this.#step, signal);
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

  pin(snapshot: Snapshot, note: string | undefined): Promise<void> {
    return explained(`pin the snapshot ${quote(snapshot.name)}`, async () => {
      const aside = await Aside.make(this.#place.parent, this.#place.base, this.#deps.onStep);
      try {
        await this.#step("pin", () => aside.setPin(snapshot.uuid, note === undefined ? {} : { note }));
      } finally {
        aside.close();
      }
    });
  }

  unpin(snapshot: Snapshot): Promise<void> {
    return explained(`unpin the snapshot ${quote(snapshot.name)}`, async () => {
      const aside = await Aside.open(this.#place.parent, this.#place.base);
      try {
        await this.#step("unpin", () => aside?.removePin(snapshot.height, snapshot.uuid));
      } finally {
        aside?.close();
      }
    });
  }

  describe(snapshot: Snapshot, record: SnapshotRecord): Promise<void> {
    return explained(`describe the snapshot ${quote(snapshot.name)}`, async () => {
      const aside = await Aside.make(this.#place.parent, this.#place.base, this.#deps.onStep);
      try {
        await this.#step("describe", () => aside.setLearnt(snapshot.uuid, record));
      } finally {
        aside.close();
      }
    });
  }

  planRollback(goal: Goal, choices: RollbackChoices): Promise<RollbackPlan> {
    return explained(`plan the rollback of ${quote(this.name)}`, async () =>
      planRollback(this.#place, await this.snapshots(), goal, choices),
    );
  }

  rollback(plan: RollbackPlan, help: RollbackHelp): Promise<string[]> {
    return explained(`roll back ${quote(this.name)}`, () => rollback(this.#work(), plan, help));
  }

  undoPoints({ measure = false }: { readonly measure?: boolean } = {}): Promise<UndoPoint[]> {
    return explained(`list the undo points of ${quote(this.name)}`, async () => {
      const points: UndoPoint[] = [];
      for (const point of await undoPointsOf(this.#place)) {
        const bytes = measure ? await withTree(this.#place, point, exclusiveBytesOf) : undefined;
        points.push({ ...point, bytes });
      }
      return points;
    });
  }

  planDrop(points: readonly UndoPoint[]): Promise<DropPlan> {
    return explained(`look at the undo points of ${quote(this.name)}`, () => planDrop(this.#place, points));
  }

  drop({ points }: DropPlan): Promise<string[]> {
    return explained(`drop undo points of ${quote(this.name)}`, async () => {
      await drop(this.#work(), points);
      return [];
    });
  }

  clones(): Promise<OpenClone[]> {
    return explained(`list the open clones of ${quote(this.name)}`, () => findClones(this.#place));
  }

  openClone(snapshot: Snapshot, wishes: CloneWishes = {}): Promise<OpenClone> {
    return explained(`open ${quote(snapshot.name)}`, () => openClone(this.#work(), snapshot, wishes));
  }

  closeClone(clone: OpenClone): Promise<void> {
    return explained(`close ${quote(clone.name)}`, () => closeClone(this.#work(), clone));
  }

  withTree<T>(state: "live" | Snapshot | UndoPoint, use: (folder: string) => Promise<T>): Promise<T | undefined> {
    return explained(`look into ${quote(this.name)}`, () => withTree(this.#place, state, use));
  }

  readonly #step: Step = (name, work) => stepper(this.#deps.onStep)(name, work);
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
