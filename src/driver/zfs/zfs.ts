import { BtmError } from "../../errors.ts";
import type { Height } from "../../height.ts";
import { quote } from "../../text.ts";
import { checkVolumeName } from "../../volume-name.ts";
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
import { snapshotName } from "../snapshot-name.ts";
import { childBlockers } from "./blockers.ts";
import { ZfsCommand } from "./command.ts";
import { destroySnapshots } from "./destroy.ts";
import { explainFailure, saysExists } from "./failure.ts";
import { readJournal } from "./journal.ts";
import { type Listing, LISTING, listingOf } from "./listing.ts";
import { datasetOf } from "./locate.ts";
import { DatasetLock, explainDevice } from "./lock.ts";
import { Memory } from "./memory.ts";
import { PROPERTY } from "./names.ts";
import { type Place, placeOf } from "./place.ts";
import { planRollback } from "./plan.ts";
import { clearDone, describeRecovery, recover, rollback, type Work } from "./rollback.ts";
import { list } from "./rows.ts";
import type { Step } from "./step.ts";
import { writeOut } from "./sync.ts";

/** ZFS through the zfs command. OpenZFS 2.1 or newer. */
export function zfsDriver(deps: DriverDeps): Driver {
  const zfs = new ZfsCommand(deps);
  const memory = new Memory();
  return {
    mode: "zfs",
    capabilities: {
      rollbackKeepsNewer: false,
      rollbackKeepsLive: false,
      atomicGroups: true,
      includesChildren: false,
      memoryIsCurrent: false,
    },
    // A name that was found by a path must leave room for a height as well.
    open: async (volume) => new ZfsVolume(placeOf(checkVolumeName(await datasetOf(volume, zfs))), zfs, memory, deps),
  };
}

class ZfsVolume implements Volume {
  readonly name: string;
  #place: Place;
  readonly #zfs: ZfsCommand;
  readonly #memory: Memory;
  readonly #deps: DriverDeps;
  #lock: DatasetLock | undefined;
  /** Made under the lock, and good as long as nothing is changed here: no other btm changes what is ours. */
  #listing: Listing | undefined;

  constructor(place: Place, zfs: ZfsCommand, memory: Memory, deps: DriverDeps) {
    this.name = place.dataset;
    this.#place = place;
    this.#zfs = zfs;
    this.#memory = memory;
    this.#deps = deps;
  }

  close(): void {
    this.#lock?.close();
    this.#lock = undefined;
  }

  async snapshots(how: "from-memory" | "afresh" = "afresh"): Promise<Snapshot[]> {
    const listing = how === "from-memory" ? await this.#known() : await this.#current();
    return [...listing.snapshots];
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- the interface waits, for drivers that must
  async tryLock(): Promise<boolean> {
    this.#lock ??= this.#withDevice(() => DatasetLock.try(this.name));
    return this.#lock !== undefined;
  }

  async lock(timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    try {
      this.#lock ??= await DatasetLock.take(this.name, timeoutMs, signal);
    } catch (error) {
      throw explainDevice(`lock the volume ${quote(this.name)}`, error);
    }
    // Another btm may have mounted it anew meanwhile; nothing of it is held open here, so that is all there is to renew.
    this.#place = placeOf(this.name);
    return true;
  }

  #withDevice<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw explainDevice(`lock the volume ${quote(this.name)}`, error);
    }
  }

  async recover(): Promise<string[]> {
    const { guid, done } = await this.#known();
    const journal = readJournal(guid);
    if (journal !== undefined) {
      const now = await this.#current();
      this.#forget();
      return recover(this.#work(), journal, now.done);
    }
    if (done?.startsWith(`${guid} `) !== true) return [];
    this.#forget();
    return clearDone(this.#work(), done);
  }

  async pending(): Promise<string[]> {
    const { guid } = await this.#current();
    const journal = readJournal(guid);
    return journal === undefined ? [] : [describeRecovery(journal)];
  }

  snapshotBlockers(): Promise<Blocker[]> {
    return Promise.resolve(childBlockers(this.#place));
  }

  /** The mark is a property set in the transaction of the snapshot (zfs-snapshot(8), -o): there is never one without. */
  async create(height: Height): Promise<boolean> {
    const name = snapshotName(this.name, height);
    const action = `take the snapshot ${quote(name)}`;
    const lock = this.#held();
    const { guid } = await this.#known();
    const mark: Mark = { btm: 1, height: String(height), volume: baseOf(this.name), origin: guid };
    await writeOut(this.#zfs, this.#place, { action, lock });
    const args = ["snapshot", "-o", `${PROPERTY.mark}=${JSON.stringify(mark)}`, name];
    // Until it has succeeded nothing is known.
    const remembered = this.#memory.recall(this.#place);
    this.#forget();
    const ended = await this.#step("snapshot", () => this.#zfs.tryChange(args, { action, lock }));
    if (ended.status !== 0) {
      if (saysExists(ended.stderr, name)) return false;
      throw explainFailure(action, args, ended);
    }
    if (remembered !== undefined) {
      this.#memory.learn(this.#place, remembered);
      this.#memory.add(this.#place, { height, name, mark, createdAt: this.#deps.now() });
    }
    return true;
  }

  async destroy(snapshots: readonly Snapshot[], signal?: AbortSignal): Promise<DestroyOutcome[]> {
    if (snapshots.length === 0) return [];
    const lock = this.#held();
    const now = new Map((await this.#current()).snapshots.map((snapshot) => [snapshot.name, snapshot]));
    const outcomes = new Map<Snapshot, DestroyOutcome>();
    const wanted: Snapshot[] = [];
    for (const snapshot of snapshots) {
      const found = now.get(snapshot.name);
      // Gone already: what was wanted.
      if (found === undefined) outcomes.set(snapshot, { snapshot });
      else if (found.uuid === snapshot.uuid && found.mark !== undefined && !found.pinned) wanted.push(snapshot);
      else outcomes.set(snapshot, { snapshot, error: changed(snapshot) });
    }
    this.#forget();
    const options = { dataset: this.name, lock, signal, step: this.#step };
    for (const outcome of await destroySnapshots(this.#zfs, wanted, options)) outcomes.set(outcome.snapshot, outcome);
    return snapshots.map((snapshot) => outcomes.get(snapshot) ?? { snapshot });
  }

  async adopt(snapshot: Snapshot): Promise<void> {
    const { guid, snapshots } = await this.#current();
    const found = snapshots.find((candidate) => candidate.name === snapshot.name);
    if (found?.uuid !== snapshot.uuid) throw changed(snapshot);
    const mark: Mark = {
      btm: 1,
      height: String(snapshot.height),
      volume: baseOf(this.name),
      origin: guid,
      adopted: true,
    };
    const listing = this.#listing;
    await this.#set("set mark", `adopt the snapshot ${quote(snapshot.name)}`, [
      "set",
      `${PROPERTY.mark}=${JSON.stringify(mark)}`,
      snapshot.name,
    ]);
    // Only a mark was added, so the next one need not look again.
    this.#listing = listing;
  }

  pin(snapshot: Snapshot): Promise<void> {
    const value = `${PROPERTY.pin}=${String(snapshot.height)}`;
    return this.#set("pin", `pin the snapshot ${quote(snapshot.name)}`, ["set", value, snapshot.name]);
  }

  unpin(snapshot: Snapshot): Promise<void> {
    const action = `unpin the snapshot ${quote(snapshot.name)}`;
    return this.#set("unpin", action, ["inherit", PROPERTY.pin, snapshot.name]);
  }

  async planRollback(target: Snapshot, choices: RollbackChoices): Promise<RollbackPlan> {
    return planRollback(this.#zfs, this.#place, target, choices);
  }

  async rollback(plan: RollbackPlan): Promise<string[]> {
    const { guid } = await this.#current();
    this.#forget();
    return rollback(this.#work(), plan, guid);
  }

  #work(): Work {
    return { place: this.#place, zfs: this.#zfs, lock: this.#held(), step: this.#step };
  }

  #held(): number {
    if (this.#lock === undefined) throw new TypeError("The volume must be locked before it is changed");
    return this.#lock.fd;
  }

  async #set(step: string, action: string, args: readonly string[]): Promise<void> {
    const lock = this.#held();
    this.#forget();
    await this.#step(step, () => this.#zfs.change(args, { action, lock }));
  }

  /** What is known without asking, or else as it is. */
  async #known(): Promise<Listing> {
    return this.#listing ?? this.#memory.recall(this.#place) ?? (await this.#current());
  }

  /** As it is; under the lock one look is enough until something is changed. */
  async #current(): Promise<Listing> {
    if (this.#listing !== undefined) return this.#listing;
    const isLocked = this.#lock !== undefined;
    const action = `list the snapshots of ${quote(this.name)}`;
    const rows = await list(this.#zfs, { ...LISTING, dataset: this.name, action });
    const listing = listingOf(rows, this.#place);
    if (listing === undefined) {
      throw new BtmError("VOLUME_MISSING", `Cannot ${action}: zfs list did not tell of the dataset itself`, {
        hint: "Is it a snapshot or bookmark? Give the dataset",
      });
    }
    // Without the lock it may be older than what a holder of it has done meanwhile.
    if (isLocked) {
      this.#memory.learn(this.#place, listing);
      this.#listing = listing;
    }
    return listing;
  }

  #forget(): void {
    this.#listing = undefined;
    this.#memory.forget(this.#place);
  }

  readonly #step: Step = async (name, work) => {
    this.#deps.onStep(name, "before");
    const result = await work();
    this.#deps.onStep(name, "after");
    return result;
  };
}

/** The last part of the name of a dataset. */
function baseOf(dataset: string): string {
  return dataset.slice(dataset.lastIndexOf("/") + 1);
}

function changed(snapshot: Snapshot): BtmError {
  const what = "it no longer is the snapshot that it was, or its mark or pin has changed";
  return new BtmError("PLAN_CHANGED", `Cannot change ${quote(snapshot.name)}: ${what}`, {
    hint: "Someone changed or replaced it: look at it with btm list",
  });
}
