import { checkCallOptions } from "./call-options.ts";
import { type BtmCfg, type BtmOptions, type Mode, parseCfg, parseKept } from "./cfg.ts";
import { driverFor, modeOf } from "./driver/detect.ts";
import type { Blocker, DestroyOutcome, Driver, DriverDeps, RollbackPlan, Snapshot, Volume } from "./driver/driver.ts";
import { BtmError, isBtmError, throwIfAborted } from "./errors.ts";
import { due, type Height, type HeightInput, parseHeight } from "./height.ts";
import { decide } from "./retention/retention.ts";
import type {
  AdoptResult,
  BtmDeps,
  CallOptions,
  CleanOptions,
  CleanResult,
  Failure,
  PlannedOptions,
  RollbackOptions,
  RollbackResult,
  SnapshotOptions,
  SnapshotResult,
} from "./results.ts";
import { chooseTarget } from "./rollback/choose.ts";
import { Session } from "./session.ts";
import { count, quote } from "./text.ts";

/**
 * A time machine for one volume. Holds nothing between calls but what it has learnt, so there is nothing to close; calls
 * may overlap, and processes may: a lock of the kernel lets one change the volume at a time.
 *
 * Every method throws {@link BtmError}, besides what it says: codes of exit status 3 when the volume cannot be worked on,
 * PERMISSION_DENIED, LOCKED, NO_SPACE, READ_ONLY, ABORTED (docs/exit-codes.md).
 *
 * @example
 * const btm = new Btm({ volume: "/data/blockchain", itv: 10, cap: 100, algo: "fade" });
 * await btm.snapshot(0);
 */
export class Btm {
  readonly cfg: BtmCfg;
  readonly #deps: DriverDeps;
  readonly #drivers = new Map<Mode, Promise<Driver>>();
  readonly #onResolved: (resolved: string) => void;
  /** What was last told; what was given needs no telling. */
  #resolved: string;

  constructor(options: BtmOptions, deps: BtmDeps = {}) {
    this.cfg = parseCfg(options);
    this.#deps = {
      onStep: deps.onStep ?? (() => undefined),
      now: deps.now ?? (() => new Date()),
      zfsCommand: deps.zfsCommand,
      commandTimeoutMs: deps.commandTimeoutMs,
    };
    this.#onResolved = deps.onResolved ?? (() => undefined);
    this.#resolved = this.cfg.volume;
  }

  /**
   * Takes a snapshot named by the height when it is due: when it enters an interval that has none yet. Then thins the
   * snapshots to cap. To be called for every block, before or after it is written, always the same.
   *
   * @throws BtmError BAD_HEIGHT, HAS_NESTED_VOLUMES, NAME_TAKEN
   * @example
   * const { taken, reason } = await btm.snapshot(11n);
   */
  async snapshot(height: HeightInput, options: SnapshotOptions = {}): Promise<SnapshotResult> {
    checkCallOptions("snapshot", options, { force: "boolean", prune: "boolean", dryRun: "boolean" });
    const { dryRun = false, signal } = options;
    const at = parseHeight(height);
    const plan = (seen: readonly Snapshot[]): SnapshotPlan => this.#planSnapshot(at, options, seen);
    const answer = ({ taken, reason, last }: SnapshotPlan, rest: Partial<SnapshotResult> = {}): SnapshotResult => {
      return { taken, height: at, reason, last, pruned: [], failed: [], recovered: [], dryRun, ...rest };
    };
    return this.#run(signal, async (session) => {
      if (dryRun) {
        const planned = plan(await session.volume.snapshots());
        const recovered = await session.volume.pending();
        if (planned.taken) await refuseIncomplete(session.volume, at);
        return answer(planned, { recovered, pruned: planned.excess.map((snapshot) => snapshot.height) });
      }
      // Most blocks are not due: while another btm has the lock they are answered without it.
      if (!(await session.volume.tryLock())) {
        const glance = plan(await session.volume.snapshots());
        if (!glance.taken) return answer(glance);
      }
      await session.lock();
      const { volume, recovered } = session;
      const { memoryIsCurrent } = (await this.#driver()).capabilities;
      const remembered = await volume.snapshots("from-memory");
      let planned = plan(remembered);
      // Others may have removed what is remembered: the chain is below it, so there was a rollback perhaps.
      const isDoubtful = !memoryIsCurrent && remembered.some((snapshot) => snapshot.height > at);
      if (planned.reason === "exists" || isDoubtful) planned = plan(await volume.snapshots());
      if (!planned.taken) return answer(planned, { recovered });
      await refuseIncomplete(volume, at);
      throwIfAborted(signal);
      if (!(await volume.create(at))) return answer({ ...planned, taken: false, reason: "exists" }, { recovered });
      // Thinning comes after a success only, and a failure of it does not undo that.
      const outcomes = await this.#thin(volume, at, planned.excess, memoryIsCurrent);
      const pruned = outcomes.flatMap(({ snapshot, error }) => (error === undefined ? [snapshot.height] : []));
      return answer(planned, { recovered, pruned, failed: failuresOf(outcomes) });
    });
  }

  /**
   * All snapshots of the volume, ascending by height; those that btm did not make have no mark.
   *
   * @example
   * for (const { height, createdAt } of await btm.list()) console.log(height, createdAt);
   */
  async list(options: CallOptions = {}): Promise<Snapshot[]> {
    checkCallOptions("list", options, {});
    return this.#run(options.signal, ({ volume }) => volume.snapshots());
  }

  /**
   * Puts the volume back to a height: the latest snapshot without one; with one, the snapshot of that height, or unless
   * strict the nearest below. The node must be stopped. On Btrfs what was live is kept aside and newer snapshots stay; on
   * ZFS what was live is lost, and the marked snapshots taken after the target are destroyed: look at a dry run first.
   *
   * @throws BtmError BAD_HEIGHT, NO_SNAPSHOTS, NO_SUCH_SNAPSHOT, NOTHING_BELOW, BLOCKED with everything that stands in the
   * way, PLAN_CHANGED, DECLINED
   * @example
   * const { target, undo } = await btm.rollback(11, { strict: true });
   */
  async rollback(height?: HeightInput, options: RollbackOptions = {}): Promise<RollbackResult> {
    const kinds = { strict: "boolean", discardForeign: "boolean", dryRun: "boolean", confirm: "function" } as const;
    checkCallOptions("rollback", options, kinds);
    const { strict = false, discardForeign = false, dryRun = false, confirm, signal } = options;
    const asked = height === undefined ? undefined : parseHeight(height);
    return this.#run(signal, async (session) => {
      const makePlan = async (recovered: readonly string[] = session.recovered): Promise<RollbackResult> => {
        const { volume } = session;
        const snapshots = await volume.snapshots();
        const chosen = chooseTarget(volume.name, snapshots, asked, strict);
        const newer = snapshots.filter((snapshot) => snapshot.height > chosen.target.height);
        const plan = await volume.planRollback(chosen.target, { discardForeign, signal });
        const { undo, destroyed, discarded, blockers, warnings } = plan;
        if (!dryRun && blockers.length > 0)
          throw blocked(`roll back ${quote(volume.name)} to ${String(chosen.target.height)}`, blockers);
        return {
          asked,
          ...chosen,
          newer,
          destroyed,
          discarded,
          undo,
          blockers,
          warnings: [...warnings, ...aboutNewer(newer.filter((snapshot) => stays(snapshot, plan)))],
          recovered,
          dryRun,
        };
      };
      const isSame = (a: RollbackResult, b: RollbackResult): boolean =>
        sameSnapshots([a.target, ...a.destroyed, ...a.discarded], [b.target, ...b.destroyed, ...b.discarded]) &&
        a.undo?.number === b.undo?.number;
      if (dryRun) return makePlan(await session.volume.pending());
      const plan = await session.agree(makePlan, isSame, confirm);
      throwIfAborted(signal);
      const warnings = await session.volume.rollback(plan);
      return { ...plan, warnings: [...plan.warnings, ...warnings] };
    });
  }

  /**
   * Destroys all snapshots but the newest `kept`. Pinned ones and those that btm did not make stay.
   *
   * @throws BtmError BAD_KEPT, PLAN_CHANGED, DECLINED
   * @example
   * await btm.clean({ kept: 10 });
   */
  async clean(options: CleanOptions = {}): Promise<CleanResult> {
    checkCallOptions("clean", options, { kept: "any", dryRun: "boolean", confirm: "function" });
    const { dryRun = false, confirm, signal } = options;
    const keep = parseKept(options.kept ?? 0);
    return this.#run(signal, async (session) => {
      const makePlan = async (recovered: readonly string[] = session.recovered): Promise<CleanResult> => {
        const { volume } = session;
        const snapshots = await volume.snapshots();
        const ours = snapshots.filter(isOurs);
        const removed = new Set(ours.slice(0, Math.max(0, ours.length - keep)).filter((snapshot) => !snapshot.pinned));
        return {
          removed: [...removed],
          kept: snapshots.filter((snapshot) => !removed.has(snapshot)),
          failed: [],
          recovered,
          dryRun,
        };
      };
      if (dryRun) return makePlan(await session.volume.pending());
      const isSame = (a: CleanResult, b: CleanResult): boolean => sameSnapshots(a.removed, b.removed);
      const plan = await session.agree(makePlan, isSame, confirm);
      const outcomes = await session.volume.destroy(plan.removed, signal);
      const failed = failuresOf(outcomes);
      const stay = new Set(failed.map((failure) => failure.snapshot));
      return { ...plan, removed: plan.removed.filter((snapshot) => !stay.has(snapshot)), failed };
    });
  }

  /**
   * Marks the snapshots that have none, so that they are pruned and cleaned like those btm made: for what the original
   * btm left. All that are called "<volume>@<height>" are taken, so look at a dry run first.
   *
   * @throws BtmError PLAN_CHANGED, DECLINED
   * @example
   * const { adopted } = await btm.adopt({ dryRun: true });
   */
  async adopt(options: PlannedOptions<AdoptResult> = {}): Promise<AdoptResult> {
    checkCallOptions("adopt", options, { dryRun: "boolean", confirm: "function" });
    const { dryRun = false, confirm, signal } = options;
    return this.#run(signal, async (session) => {
      const makePlan = async (recovered: readonly string[] = session.recovered): Promise<AdoptResult> => {
        const { volume } = session;
        const adopted = (await volume.snapshots()).filter((snapshot) => !isOurs(snapshot));
        return { adopted, failed: [], recovered, dryRun };
      };
      if (dryRun) return makePlan(await session.volume.pending());
      const isSame = (a: AdoptResult, b: AdoptResult): boolean => sameSnapshots(a.adopted, b.adopted);
      const plan = await session.agree(makePlan, isSame, confirm);
      const failed: Failure[] = [];
      const adopted: Snapshot[] = [];
      for (const snapshot of plan.adopted) {
        throwIfAborted(signal);
        try {
          await session.volume.adopt(snapshot);
          adopted.push(snapshot);
        } catch (error) {
          if (!(error instanceof Error)) throw error;
          failed.push({ snapshot, error });
        }
      }
      return { ...plan, adopted, failed };
    });
  }

  /**
   * Keeps the snapshot of a height from ever being pruned or cleaned.
   *
   * @throws BtmError BAD_HEIGHT, NO_SUCH_SNAPSHOT
   * @example
   * await btm.pin(11);
   */
  async pin(height: HeightInput, options: CallOptions = {}): Promise<void> {
    checkCallOptions("pin", options, {});
    await this.#withSnapshot("pin", height, options.signal, (volume, snapshot) => volume.pin(snapshot));
  }

  /** Undoes {@link pin}. @throws BtmError BAD_HEIGHT, NO_SUCH_SNAPSHOT */
  async unpin(height: HeightInput, options: CallOptions = {}): Promise<void> {
    checkCallOptions("unpin", options, {});
    await this.#withSnapshot("unpin", height, options.signal, (volume, snapshot) => volume.unpin(snapshot));
  }

  async #withSnapshot(
    action: string,
    height: HeightInput,
    signal: AbortSignal | undefined,
    use: (volume: Volume, snapshot: Snapshot) => Promise<void>,
  ): Promise<void> {
    const at = parseHeight(height);
    await this.#run(signal, async (session) => {
      await session.lock();
      const snapshot = (await session.volume.snapshots()).find((candidate) => candidate.height === at);
      if (snapshot !== undefined) return use(session.volume, snapshot);
      const what = `Cannot ${action} ${String(at)} of ${quote(session.volume.name)}`;
      throw new BtmError("NO_SUCH_SNAPSHOT", `${what}: there is no snapshot of that height`);
    });
  }

  #run<T>(signal: AbortSignal | undefined, use: (session: Session) => Promise<T>): Promise<T> {
    const open = async (): Promise<Volume> => {
      const driver = await this.#driver();
      const volume = await driver.open(this.cfg.volume);
      if (volume.name !== this.#resolved) this.#onResolved(volume.name);
      this.#resolved = volume.name;
      return volume;
    };
    return Session.run({ open, lockTimeoutMs: this.cfg.lockTimeoutMs, signal }, use);
  }

  /** The snapshot was taken: whatever keeps the others from being destroyed is told with them, and tried again. */
  async #thin(
    volume: Volume,
    head: Height,
    planned: readonly Snapshot[],
    memoryIsCurrent: boolean,
  ): Promise<DestroyOutcome[]> {
    if (planned.length === 0) return [];
    try {
      const excess = memoryIsCurrent ? planned : this.#beyondCap((await volume.snapshots()).filter(isOurs), head);
      return await volume.destroy(excess);
    } catch (error) {
      if (!isBtmError(error)) throw error;
      return planned.map((snapshot) => ({ snapshot, error }));
    }
  }

  /** What cap demands to go of ours, once there is a snapshot of the head. */
  #beyondCap(ours: readonly Snapshot[], head: Height): Snapshot[] {
    const { algo, cap } = this.cfg;
    const isTaken = ours.some((snapshot) => snapshot.height === head);
    const all = isTaken ? ours : [...ours, { height: head, pinned: false }];
    const decisions = decide(algo, all, { head, cap });
    return ours.filter((_, i) => decisions[i]?.keep === false);
  }

  /** Kept, for a driver remembers what it has seen; looked for each time, for what is mounted at a path may change. */
  async #driver(): Promise<Driver> {
    const mode = this.cfg.mode ?? (await modeOf(this.cfg.volume, this.#deps));
    const driver = this.#drivers.get(mode) ?? driverFor(mode, this.#deps);
    this.#drivers.set(mode, driver);
    return driver;
  }

  #planSnapshot(at: Height, { force = false, prune = true }: SnapshotOptions, seen: readonly Snapshot[]): SnapshotPlan {
    const { itv } = this.cfg;
    const ours = seen.filter(isOurs);
    const last = ours.findLast((snapshot) => snapshot.height <= at)?.height;
    if (seen.some((snapshot) => snapshot.height === at)) return { taken: false, reason: "exists", last, excess: [] };
    if (!force && !due(at, last, itv)) return { taken: false, reason: "not-due", last, excess: [] };
    const excess = prune ? this.#beyondCap(ours, at) : [];
    return { taken: true, reason: force ? "forced" : "due", last, excess };
  }
}

interface SnapshotPlan extends Pick<SnapshotResult, "taken" | "reason" | "last"> {
  /** What cap demands to go once it is taken. */
  readonly excess: readonly Snapshot[];
}

function isOurs(snapshot: Pick<Snapshot, "mark">): boolean {
  return snapshot.mark !== undefined;
}

type Identified = Pick<Snapshot, "uuid">;

function sameSnapshots(a: readonly Identified[], b: readonly Identified[]): boolean {
  return a.length === b.length && a.every((snapshot, i) => snapshot.uuid === b[i]?.uuid);
}

function failuresOf(outcomes: readonly DestroyOutcome[]): Failure[] {
  return outcomes.flatMap(({ snapshot, error }) => (error === undefined ? [] : [{ snapshot, error }]));
}

async function refuseIncomplete(volume: Volume, height: Height): Promise<void> {
  const blockers = await volume.snapshotBlockers();
  if (blockers.length > 0) throw blocked(`take a snapshot of ${quote(volume.name)} at ${String(height)}`, blockers);
}

function blocked(action: string, blockers: readonly Blocker[]): BtmError {
  const isNested = ({ kind }: Blocker): boolean => kind === "nested-subvolume" || kind === "child-dataset";
  const code = blockers.every(isNested) ? "HAS_NESTED_VOLUMES" : "BLOCKED";
  const hints = [...new Set(blockers.map((blocker) => blocker.hint))];
  return new BtmError(code, `Cannot ${action}: ${blockers.map((blocker) => blocker.message).join("; ")}`, {
    hint: hints.join(". "),
    details: { blockers },
  });
}

function stays(snapshot: Snapshot, { destroyed, discarded }: RollbackPlan): boolean {
  return ![...destroyed, ...discarded].some(({ uuid }) => uuid === snapshot.uuid);
}

function aboutNewer(newer: readonly Snapshot[]): string[] {
  if (newer.length === 0) return [];
  return [
    `${count(newer.length, "newer snapshot")} of the timeline left behind: a height that has one is not taken again until it is deleted`,
  ];
}
