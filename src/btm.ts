import { checkCallOptions } from "./call-options.ts";
import { type BtmCfg, type BtmOptions, type Mode, parseCfg } from "./cfg.ts";
import { driverFor, modeOf } from "./driver/detect.ts";
import type { Driver, DriverDeps, OpenClone, Snapshot, UndoPoint, Volume } from "./driver/driver.ts";
import type { SnapshotRecord } from "./record.ts";
import { type HeightInput, parseHeight } from "./height.ts";
import type * as results from "./results.ts";
import { Session } from "./session.ts";
import { adopt } from "./use/adopt.ts";
import { clean } from "./use/clean.ts";
import { describe } from "./use/describe.ts";
import { clones, close, open } from "./use/clones.ts";
import { groupHeights } from "./use/group.ts";
import { list } from "./use/list.ts";
import { overview } from "./use/overview.ts";
import { pin, unpin } from "./use/pin.ts";
import { recover } from "./use/recover.ts";
import { rollback, undo } from "./use/rollback.ts";
import { snapshot } from "./use/snapshot.ts";
import { snapshotGroup } from "./use/snapshot-group.ts";
import { thin } from "./use/thin.ts";
import { thinGroup } from "./use/thin-group.ts";
import { dropUndo, undoPoints } from "./use/undo-points.ts";
import type { Use } from "./use/use.ts";

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
  readonly #use: Use;
  /** What was last told; what was given needs no telling. */
  #resolved: string;

  constructor(options: BtmOptions, deps: results.BtmDeps = {}) {
    this.cfg = parseCfg(options);
    this.#deps = {
      onStep: deps.onStep ?? (() => undefined),
      now: deps.now ?? (() => new Date()),
      zfsCommand: deps.zfsCommand,
      commandTimeoutMs: deps.commandTimeoutMs,
    };
    this.#onResolved = deps.onResolved ?? (() => undefined);
    this.#resolved = this.cfg.volume;
    this.#use = {
      cfg: this.cfg,
      onStep: this.#deps.onStep,
      capabilities: async () => (await this.#driver()).capabilities,
      run: (signal, use) => this.#run(signal, use),
    };
  }

  /**
   * Takes a snapshot named by the height when it is due: when it enters an interval that has none yet. Then thins the
   * snapshots to cap. To be called for every block, before or after it is written, always the same.
   *
   * @throws BtmError BAD_HEIGHT, HAS_NESTED_VOLUMES, NAME_TAKEN
   * @example
   * const { taken, reason } = await btm.snapshot(11n);
   */
  snapshot(height: HeightInput, options: results.SnapshotOptions = {}): Promise<results.SnapshotResult> {
    if (this.cfg.mode === "external") return this.#askSnapshot(height, options);
    return snapshot(this.#use, height, options);
  }

  /**
   * The same of volumes that belong together, as those of an execution and a consensus client do: of each or of none, in
   * one transaction of ZFS. The heights that count are those that all of them have. They have one itv, cap and algo.
   *
   * @throws BtmError MODE_UNAVAILABLE when no one step does it, as on Btrfs, unless `writersHalted`; NAME_TAKEN when some
   * have a snapshot of that height and some have none; BAD_OPTION, and those of {@link snapshot}
   * @example
   * const { taken, members } = await Btm.snapshotGroup([execution, consensus], 11n);
   */
  static snapshotGroup(
    members: readonly Btm[],
    height: HeightInput,
    options: results.GroupSnapshotOptions = {},
  ): Promise<results.GroupSnapshotResult> {
    return snapshotGroup(
      members.map((member) => member.#use),
      height,
      options,
    );
  }

  /**
   * The heights of which all of several volumes have snapshots.
   *
   * @throws BtmError those of {@link snapshotGroup}
   */
  static groupHeights(members: readonly Btm[], options: results.GroupOptions = {}): Promise<results.GroupListing> {
    return groupHeights(
      members.map((member) => member.#use),
      options,
    );
  }

  /**
   * Thins the snapshots of several volumes as {@link thin} does, all alike, so that they go on having the same heights.
   *
   * @returns what became of each, in the order given
   * @throws BtmError those of {@link snapshotGroup} and {@link thin}
   */
  static thinGroup(members: readonly Btm[], options: results.ThinOptions): Promise<results.ThinResult[]> {
    return thinGroup(
      members.map((member) => member.#use),
      options,
    );
  }

  /**
   * All snapshots of the volume, ascending by height; those that btm did not make have no mark.
   *
   * @example
   * for (const { height, createdAt } of await btm.list()) console.log(height, createdAt);
   */
  list(options: results.CallOptions = {}): Promise<Snapshot[]> {
    if (this.cfg.mode === "external") return this.#askList(options);
    return list(this.#use, options);
  }

  /** The snapshots, the open copies and the undo points, in one look. */
  overview(options: results.CallOptions = {}): Promise<results.Overview> {
    return overview(this.#use, options);
  }

  /**
   * Puts the volume back to a height: the latest snapshot without one; with one, the snapshot of that height, or unless
   * strict the nearest below. The node must be stopped, or be named by `services`. What was live and the newer snapshots
   * are kept as an undo point, unless discardNewer. Look at a dry run first.
   *
   * @throws BtmError BAD_HEIGHT, NO_SNAPSHOTS, NO_SUCH_SNAPSHOT, NOTHING_BELOW, BLOCKED with everything that stands in the
   * way, SIGNER_STATE, PLAN_CHANGED, DECLINED; SERVICE_FAILED when it is done and a service does not start
   * @example
   * const { target, undo } = await btm.rollback(11, { strict: true, services: ["node.service"] });
   */
  rollback(height?: HeightInput, options: results.RollbackOptions = {}): Promise<results.RollbackResult> {
    return rollback(this.#use, height, options);
  }

  /**
   * Brings back an undo point: the latest without a number. What is live becomes an undo point in turn, so that undoing
   * twice is redoing.
   *
   * @throws BtmError NO_SUCH_UNDO, and those of {@link rollback}
   * @example
   * await btm.undo();
   */
  undo(number?: bigint | number | string, options: results.SwitchOptions = {}): Promise<results.RollbackResult> {
    return undo(this.#use, number, options);
  }

  /**
   * The undo points, ascending by number.
   *
   * @example
   * for (const { number, at, bytes } of await btm.undoPoints({ measure: true })) console.log(number, at, bytes);
   */
  undoPoints(options: results.UndoPointsOptions = {}): Promise<UndoPoint[]> {
    return undoPoints(this.#use, options);
  }

  /**
   * Destroys an undo point, or all of them, with the snapshots in it.
   *
   * @throws BtmError NO_SUCH_UNDO, BLOCKED, PLAN_CHANGED, DECLINED, PARTLY_DONE
   * @example
   * await btm.dropUndo("all");
   */
  dropUndo(
    which: bigint | number | string,
    options: results.PlannedOptions<results.DropResult> = {},
  ): Promise<results.DropResult> {
    return dropUndo(this.#use, which, options);
  }

  /**
   * Finishes or undoes what a killed process or a power cut left half done, and starts the services that it had stopped.
   * Every call that changes the volume does the first as well.
   *
   * @throws BtmError SERVICE_FAILED
   * @example
   * const { recovered } = await btm.recover();
   */
  recover(options: results.RecoverOptions = {}): Promise<results.RecoverResult> {
    return recover(this.#use, options);
  }

  /**
   * Destroys all snapshots but the newest `kept`. Pinned ones, those that an undo point or an open clone needs, and those
   * that btm did not make stay.
   *
   * @throws BtmError BAD_KEPT, PLAN_CHANGED, DECLINED
   * @example
   * await btm.clean({ kept: 10 });
   */
  clean(options: results.CleanOptions = {}): Promise<results.CleanResult> {
    return clean(this.#use, options);
  }

  /**
   * Thins the snapshots to fewer than cap, by the same rule: for when space is short. Those that no rule removes stay.
   *
   * @throws BtmError BAD_CAP, BAD_KEPT
   * @example
   * await btm.thin({ cap: 10, atMost: 5 });
   */
  thin(options: results.ThinOptions): Promise<results.ThinResult> {
    return thin(this.#use, options);
  }

  /**
   * Marks the snapshots that have none, so that they are pruned and cleaned like those btm made: for what the original
   * btm left. All that are called "<volume>@<height>" are taken, so look at a dry run first.
   *
   * @throws BtmError PLAN_CHANGED, DECLINED
   * @example
   * const { adopted } = await btm.adopt({ dryRun: true });
   */
  adopt(options: results.PlannedOptions<results.AdoptResult> = {}): Promise<results.AdoptResult> {
    return adopt(this.#use, options);
  }

  /**
   * Keeps the snapshot of a height from ever being pruned or cleaned. Once more, it replaces the note.
   *
   * @throws BtmError BAD_HEIGHT, BAD_NOTE, NO_SUCH_SNAPSHOT
   * @example
   * await btm.pin(11, { note: "before the upgrade" });
   */
  pin(height: HeightInput, options: results.PinOptions = {}): Promise<results.PinResult> {
    return pin(this.#use, height, options);
  }

  /**
   * Keeps beside the snapshot of a height what was learnt of it since: where the node stood right after it, and what came of
   * a node that was started from it.
   *
   * @throws BtmError BAD_HEIGHT, NO_SUCH_SNAPSHOT
   * @example
   * await btm.describe(11, { after: { height: "12" } });
   */
  describe(
    height: HeightInput,
    learnt: Pick<SnapshotRecord, "after" | "verified">,
    options: results.CallOptions = {},
  ): Promise<results.PinResult> {
    return describe(this.#use, height, learnt, options);
  }

  /** Undoes {@link pin}. @throws BtmError BAD_HEIGHT, NO_SUCH_SNAPSHOT */
  unpin(height: HeightInput, options: results.CallOptions = {}): Promise<results.PinResult> {
    return unpin(this.#use, height, options);
  }

  /**
   * Makes a writable copy of a snapshot beside the live volume, or with readOnly gives the path of the snapshot.
   *
   * @throws BtmError BAD_HEIGHT, NO_SUCH_SNAPSHOT, NAME_TAKEN
   * @example
   * const { path } = await btm.open(11, { at: "/srv/replay" });
   */
  open(height: HeightInput, options: results.OpenOptions = {}): Promise<results.OpenResult> {
    return open(this.#use, height, options);
  }

  /**
   * Destroys the copy of a height that {@link open} made, with all that was written into it.
   *
   * @throws BtmError BAD_HEIGHT, NOT_OPEN, BLOCKED
   */
  close(height: HeightInput, options: results.CallOptions = {}): Promise<results.CloseResult> {
    return close(this.#use, height, options);
  }

  /** The copies that are open, ascending by height. */
  clones(options: results.CallOptions = {}): Promise<OpenClone[]> {
    return clones(this.#use, options);
  }

  /**
   * Starts a node on a copy of a snapshot, the newest unless given, without a network, and sees where it stands; keeps that
   * beside the snapshot. Look at `verified.outcome`: a snapshot that is no good is an answer, not an error.
   *
   * @throws BtmError BAD_HEIGHT, BAD_OPTION, NO_SNAPSHOTS, NO_SUCH_SNAPSHOT, NAME_TAKEN when a copy of it is open, BLOCKED
   * when there can be no namespaces
   * @example
   * const { verified } = await btm.verify(11, { command: ["node", "--data={path}"], follow: { url: "http://127.0.0.1:8545" } });
   */
  async verify(height: HeightInput | undefined, options: results.VerifyOptions): Promise<results.VerifyResult> {
    const { verify } = await import("./use/verify.ts");
    return verify(this.#use, height, options);
  }

  /**
   * Finds by copies of the snapshots between two heights the first at which a command fails. It says by its exit status: 0
   * is good, 1 to 124 bad, 125 that it cannot tell.
   *
   * @throws BtmError BAD_HEIGHT, BAD_OPTION, NO_SUCH_SNAPSHOT, NAME_TAKEN, BISECT_FAILED when an end is not what it was said
   * to be, or the command says nothing
   * @example
   * const { firstBad } = await btm.bisect({ good: 10, bad: 1000, command: ["check-app-hash", "{path}"] });
   */
  async bisect(options: results.BisectOptions): Promise<results.BisectResult> {
    const { bisect } = await import("./use/bisect.ts");
    return bisect(this.#use, options);
  }

  async #askSnapshot(height: HeightInput, options: results.SnapshotOptions): Promise<results.SnapshotResult> {
    // Whether to take it, and what goes for it, is the daemon's to decide.
    checkCallOptions("snapshot in mode external", options, {});
    const { askSnapshot } = await import("./external/client.ts");
    return askSnapshot(this.cfg, parseHeight(height), options.signal);
  }

  async #askList(options: results.CallOptions): Promise<Snapshot[]> {
    checkCallOptions("list", options, {});
    const { askList } = await import("./external/client.ts");
    return askList(this.cfg, options.signal);
  }

  #run<T>(signal: AbortSignal | undefined, use: (session: Session) => Promise<T>): Promise<T> {
    const openVolume = async (): Promise<Volume> => {
      const driver = await this.#driver();
      const volume = await driver.open(this.cfg.volume);
      if (volume.name !== this.#resolved) this.#onResolved(volume.name);
      this.#resolved = volume.name;
      return volume;
    };
    return Session.run({ open: openVolume, lockTimeoutMs: this.cfg.lockTimeoutMs, signal }, use);
  }

  /** Kept, for a driver remembers what it has seen; looked for each time, for what is mounted at a path may change. */
  async #driver(): Promise<Driver> {
    const mode = this.cfg.mode ?? (await modeOf(this.cfg.volume, this.#deps));
    const driver = this.#drivers.get(mode) ?? driverFor(mode, this.#deps);
    this.#drivers.set(mode, driver);
    return driver;
  }
}
