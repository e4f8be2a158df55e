import { BtmError, isBtmError } from "../../errors.ts";
import type { Height } from "../../height.ts";
import { quote } from "../../text.ts";
import { checkVolumeName } from "../../volume-name.ts";
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
import { childBlockers } from "./blockers.ts";
import { clonesOf, closeClone, openClone } from "./clones.ts";
import { ZfsCommand } from "./command.ts";
import { changed, destroySnapshots } from "./destroy.ts";
import { dropPoints, planDrop } from "./drop.ts";
import { undoPointsOf } from "./family.ts";
import { clearDone, failureOf, recover, rollbackInPlace, type Work } from "./in-place.ts";
import { describeInterrupted, findInterrupted, lostSwitch } from "./interrupted.ts";
import { readJournal } from "./journal.ts";
import { type Listing, LISTING, listingOf } from "./listing.ts";
import { datasetOf } from "./locate.ts";
import { DatasetLock, explainDevice } from "./lock.ts";
import { Memory } from "./memory.ts";
import { baseOf, poolOf, PROPERTY } from "./names.ts";
import { setPin, unsetPin } from "./pin.ts";
import { type Place, placeOf } from "./place.ts";
import { planRollback } from "./plan.ts";
import type { Switch } from "./roles.ts";
import { list } from "./rows.ts";
import type { Step } from "./step.ts";
import { switchTo } from "./switch.ts";
import { nameOf, recoverSwitch } from "./switch-recovery.ts";
import { prepare, takeSnapshots, type Target } from "./take.ts";
import { withMounted } from "./tree.ts";

/** ZFS through the zfs command. OpenZFS 2.1 or newer. */
export function zfsDriver(deps: DriverDeps): Driver {
  const zfs = new ZfsCommand(deps);
  const memory = new Memory();
  return {
    mode: "zfs",
    capabilities: {
      discardsInOneStep: true,
      clonesNeedTheirSnapshot: true,
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
  readonly pool: string;
  #place: Place;
  readonly #zfs: ZfsCommand;
  readonly #memory: Memory;
  readonly #deps: DriverDeps;
  #lock: DatasetLock | undefined;
  /** Made under the lock, and good as long as nothing is changed here: no other btm changes what is ours. */
  #listing: Listing | undefined;

  constructor(place: Place, zfs: ZfsCommand, memory: Memory, deps: DriverDeps) {
    this.name = place.dataset;
    this.pool = poolOf(place.dataset);
    this.#place = place;
    this.#zfs = zfs;
    this.#memory = memory;
    this.#deps = deps;
  }

  get path(): string | undefined {
    return this.#place.mount?.mountPoint;
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

  async recover(): Promise<Recovery> {
    return { done: await this.#finishOrUndo(), left: [] };
  }

  async #finishOrUndo(): Promise<string[]> {
    const interrupted = await findInterrupted(this.#zfs, this.#place, () => this.#known());
    switch (interrupted?.kind) {
      case undefined:
        return [];
      case "switch": {
        const { info } = interrupted;
        this.#forget();
        const [outcome, ...warnings] = await recoverSwitch(this.#work(), info, readJournal(info.was));
        const what =
          outcome === "finished"
            ? `Finished the interrupted ${nameOf(info)}`
            : `Undid the interrupted ${nameOf(info)}: the live state is as it was`;
        this.#place = placeOf(this.name);
        return [what, ...warnings];
      }
      case "in-place": {
        const { done } = await this.#current();
        this.#forget();
        return recover(this.#work(), interrupted.journal, done);
      }
      case "done":
        this.#forget();
        return clearDone(this.#work(), interrupted.done);
    }
  }

  async pending(): Promise<string[]> {
    return describeInterrupted(await findInterrupted(this.#zfs, this.#place, () => this.#current()));
  }

  snapshotBlockers(): Promise<Blocker[]> {
    return Promise.resolve(childBlockers(this.#place));
  }

  create(height: Height, node?: NodeFacts): Promise<boolean> {
    return this.createTogether([], height, [node]);
  }

  async createTogether(
    others: readonly Volume[],
    height: Height,
    nodes: readonly (NodeFacts | undefined)[] = [],
  ): Promise<boolean> {
    const members = [this, ...others.map(ofZfs)];
    const targets: Target[] = [];
    for (const [i, member] of members.entries()) {
      const { origin } = await member.#known();
      targets.push({ place: member.#place, origin, lock: member.#held(), node: nodes[i] });
    }
    await prepare(this.#zfs, targets, height);
    // Until it has succeeded nothing is known.
    const remembered = members.map((member) => member.#memory.recall(member.#place));
    for (const member of members) member.#forget();
    const taken = await this.#step("snapshot", () => takeSnapshots(this.#zfs, targets, height));
    if (taken === undefined) return false;
    for (const [i, member] of members.entries()) {
      const [listing, one] = [remembered[i], taken[i]];
      if (listing === undefined || one === undefined) continue;
      member.#memory.learn(member.#place, listing);
      member.#memory.add(member.#place, { ...one, createdAt: this.#deps.now() });
    }
    return true;
  }

  async destroy(snapshots: readonly Snapshot[], signal?: AbortSignal): Promise<DestroyOutcome[]> {
    if (snapshots.length === 0) return [];
    const lock = this.#held();
    const listing = await this.#current();
    this.#forget();
    const options = { dataset: this.name, lock, signal, step: this.#step };
    const outcomes = await destroySnapshots(this.#zfs, snapshots, listing, options);
    // At the cap each snapshot destroys one: the next need not look again whether it is due.
    if (outcomes.every(({ error }) => error === undefined)) {
      const gone = new Set(snapshots.map(({ name }) => name));
      const left = listing.snapshots.filter(({ name }) => !gone.has(name));
      this.#memory.learn(this.#place, { ...listing, snapshots: left });
    }
    return outcomes;
  }

  async adopt(snapshot: Snapshot): Promise<void> {
    const { origin, snapshots } = await this.#current();
    const found = snapshots.find((candidate) => candidate.name === snapshot.name);
    if (found?.uuid !== snapshot.uuid) throw changed(snapshot);
    const mark: Mark = {
      btm: 1,
      height: String(snapshot.height),
      volume: baseOf(this.name),
      origin,
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

  async pin(snapshot: Snapshot, note: string | undefined): Promise<void> {
    const lock = this.#held();
    this.#forget();
    await setPin(this.#zfs, snapshot, note, { lock, step: this.#step });
  }

  async unpin(snapshot: Snapshot): Promise<void> {
    const lock = this.#held();
    this.#forget();
    await unsetPin(this.#zfs, snapshot, { lock, step: this.#step });
  }

  /** Only a record changes, which what is remembered has not. */
  async describe({ name, height }: Snapshot, record: SnapshotRecord): Promise<void> {
    const lock = this.#held();
    this.#listing = undefined;
    const action = `describe the snapshot ${quote(name)}`;
    const value = `${PROPERTY.record}=${String(height)} ${JSON.stringify(record)}`;
    await this.#step("describe", () => this.#zfs.change(["set", value, name], { action, lock }));
  }

  planRollback(goal: Goal, choices: RollbackChoices): Promise<RollbackPlan> {
    return planRollback(this.#zfs, this.#place, goal, choices);
  }

  async rollback(plan: RollbackPlan, help: RollbackHelp): Promise<string[]> {
    const listing = await this.#current();
    this.#forget();
    if (plan.undo === undefined && help.carry === undefined) return rollbackInPlace(this.#work(), plan, listing.guid);
    const warnings = await switchTo(this.#work(), plan, listing, help, this.#deps.now());
    this.#place = placeOf(this.name);
    for (const point of plan.dropped) {
      const failure = await failureOf(() => this.#dropIfFree(point));
      if (failure !== undefined) warnings.push(`undo point ${String(point.number)} is kept: ${failure.message}`);
    }
    return warnings;
  }

  /** What was brought back may have taken some of it, and its snapshots be others than in the plan. */
  async #dropIfFree(point: UndoPoint): Promise<void> {
    const { blockers } = await planDrop(this.#zfs, this.#place, [point]);
    const [blocker] = blockers;
    if (blocker !== undefined) throw new BtmError("BLOCKED", blocker.message, { hint: blocker.hint });
    await dropPoints(this.#work(), [point]);
  }

  undoPoints({ measure = false }: { readonly measure?: boolean } = {}): Promise<UndoPoint[]> {
    return undoPointsOf(this.#zfs, this.#place, measure);
  }

  planDrop(points: readonly UndoPoint[]): Promise<DropPlan> {
    return planDrop(this.#zfs, this.#place, points);
  }

  async drop({ points }: DropPlan): Promise<string[]> {
    this.#forget();
    return dropPoints(this.#work(), points);
  }

  clones(): Promise<OpenClone[]> {
    return clonesOf(this.#zfs, this.#place);
  }

  async openClone(snapshot: Snapshot, wishes: CloneWishes = {}): Promise<OpenClone> {
    this.#forget();
    return openClone(this.#work(), snapshot, wishes, this.#deps.now());
  }

  async closeClone(clone: OpenClone): Promise<void> {
    this.#forget();
    await closeClone(this.#work(), clone);
  }

  async withTree<T>(state: "live" | Snapshot | UndoPoint, use: (folder: string) => Promise<T>): Promise<T | undefined> {
    const { mount } = this.#place;
    if (state === "live" && mount !== undefined) return use(mount.mountPoint);
    const source = state === "live" ? this.name : "place" in state ? state.place : state.name;
    const dataset = source.split("@")[0] ?? "";
    const action = `look at ${quote(source)}`;
    const type = await this.#zfs.read(["get", "-H", "-o", "value", "type", dataset], { action });
    if (type.trim() !== "filesystem") return undefined;
    return withMounted(source, { writable: false }, use);
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
    const rows = await list(this.#zfs, { ...LISTING, dataset: this.name, action }).catch(async (error: unknown) => {
      const isMissing = isBtmError(error) && error.code === "VOLUME_MISSING";
      const info = isMissing ? await lostSwitch(this.#zfs, this.#place) : undefined;
      throw info === undefined ? error : withoutName(this.name, info, error);
    });
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

function ofZfs(volume: Volume): ZfsVolume {
  if (volume instanceof ZfsVolume) return volume;
  throw new TypeError("Only datasets can be snapshotted together with one");
}

function withoutName(dataset: string, info: Switch, cause: unknown): BtmError {
  const what = `its ${nameOf(info)} was interrupted while it had no name`;
  return new BtmError("VOLUME_MISSING", `Cannot look at ${quote(dataset)}: ${what}`, {
    hint: "btm recover finishes or undoes it",
    cause,
  });
}
