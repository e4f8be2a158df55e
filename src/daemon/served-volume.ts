import { setTimeout } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";

import { Btm } from "../btm.ts";
import type { BtmOptions } from "../cfg.ts";
import type { Snapshot } from "../driver/driver.ts";
import { BtmError, isBtmError } from "../errors.ts";
import type { Height } from "../height.ts";
import type { SnapshotResult } from "../results.ts";
import type { NodeFacts, Quiesce } from "../node-facts.ts";
import { checkQuiesce } from "../quiesce/prepare.ts";
import type { VolumeConfig } from "./config.ts";
import type { FollowConfig } from "./follow-config.ts";
import { FollowedNode } from "./followed-node.ts";
import { orphansAmong } from "./orphans.ts";
import { folderOf, freeSpaceOf } from "./free-space.ts";
import { Governor } from "./governor.ts";
import { errorText, type Log } from "./log.ts";
import type { ServedGroup } from "./served-group.ts";
import { serveAlone } from "./sole-daemon.ts";
import { Verification } from "./verification.ts";
import type { Answer, VolumeQueue } from "./volume-queue.ts";

/** What has happened since the start. */
export interface Counts {
  readonly answers: Map<Answer["reason"], number>;
  failures: number;
  pruned: number;
  seconds: number;
  lastTakenAt: Date | undefined;
}

/** One volume that the daemon serves. */
export class ServedVolume {
  readonly config: VolumeConfig;
  readonly governor: Governor;
  readonly counts: Counts = { answers: new Map(), failures: 0, pruned: 0, seconds: 0, lastTakenAt: undefined };
  readonly btm: Btm;
  readonly #group: ServedGroup;
  readonly #log: Log;
  /** Its path or dataset, as last found. */
  resolved: string;
  /** What its node is; undefined while none is followed. */
  node: FollowedNode | undefined;
  /** Heights of snapshots whose block is no longer on the chain, as last seen. */
  orphans: readonly Height[] = [];
  /** Where its files are; undefined when nothing shows them. */
  folder: string | undefined;
  /** Undefined when its snapshots are not verified. */
  readonly verification: Verification | undefined;
  readonly #learning = new Set<Promise<void>>();
  /** Lets other daemons serve it, by each name that it was found by. */
  readonly #alone = new Map<string, Promise<() => void>>();
  /** Aborted when it is left. */
  readonly #left = new AbortController();
  #orphansAt = -Infinity;
  #isLooking = false;
  /** Until then each new height may be one of another branch that comes up to a snapshot. */
  #doubtUntil = -Infinity;

  constructor(config: VolumeConfig, log: Log, group: ServedGroup) {
    const { cfg } = config;
    this.config = config;
    this.#group = group;
    this.#log = log;
    this.resolved = cfg.volume;
    this.verification = config.verify && new Verification(config, config.verify, log);
    const btm = new Btm(optionsOf(cfg), {
      onResolved: (resolved) => {
        this.resolved = resolved;
      },
    });
    this.btm = btm;
    this.governor = new Governor({
      config,
      btm: {
        list: () => btm.list(),
        thin: (options) => group.thin(this, options),
        undoPoints: () => btm.undoPoints(),
        dropUndo: (which) => btm.dropUndo(which),
      },
      space: () => freeSpaceOf(cfg.volume, this.resolved),
      log,
      now: () => performance.now(),
      makeWay: () => group.makeWay(),
      onRemoved: (heights) => {
        group.removed(this, heights as readonly Height[]);
      },
    });
  }

  /** That of all that is taken with it. */
  get queue(): VolumeQueue {
    return this.#group.queue;
  }

  get problem(): string | undefined {
    return this.#group.problem;
  }

  /** The names of all that is taken with it, its own among them. */
  get together(): readonly string[] {
    return this.#group.config.volumes.map(({ name }) => name);
  }

  /** What is done to its node around a snapshot. */
  get quiesce(): Quiesce {
    return this.config.quiesce ?? this.node?.quiesce ?? "none";
  }

  /** What was interrupted is finished, and what shall be pinned pinned. Then its node is followed. */
  async start(pins: ReadonlySet<Height>): Promise<void> {
    // Tells what it is, where an interrupted rollback does not keep it from being found.
    await this.btm.list().catch(() => undefined);
    await this.claim();
    const { recovered } = await this.btm.recover();
    for (const what of recovered) this.#log.warning(`${this.config.name}: ${what}`);
    const snapshots = await this.btm.list();
    await this.claim();
    for (const { height, pinned } of snapshots) {
      if (!pinned && pins.has(height)) await this.#pin(height);
    }
    this.folder = folderOf(this.config.cfg.volume, this.resolved);
    await this.#checkHold();
    const { follow } = this.config;
    if (follow !== undefined && this.node === undefined && !this.#left.signal.aborted) this.#follow(follow, snapshots);
  }

  /**
   * To be called before it is changed.
   *
   * @throws BtmError ALREADY_RUNNING; ABORTED when it has been left
   */
  async claim(): Promise<void> {
    const { resolved } = this;
    let alone = this.#alone.get(resolved);
    if (alone === undefined) {
      if (this.#left.signal.aborted) throw new BtmError("ABORTED", `${this.config.name} is served no more`);
      alone = serveAlone(resolved, this.config.name);
      this.#alone.set(resolved, alone);
      alone.catch(() => this.#alone.delete(resolved));
    }
    await alone;
  }

  /** To be called when nothing changes it any more. */
  async release(): Promise<void> {
    const all = [...this.#alone.values()];
    this.#alone.clear();
    for (const alone of all) (await alone.catch(() => undefined))?.();
  }

  /** Snapshots are taken all the same, of a node that is not held: worth an alarm, and no reason to do nothing. */
  async #checkHold(): Promise<void> {
    const { name, quiesce, unit } = this.config;
    if ((quiesce !== "freeze" && quiesce !== "stop") || unit === undefined) return;
    try {
      await checkQuiesce(quiesce, unit);
    } catch (error) {
      if (!isBtmError(error)) throw error;
      this.#log.error(`${name}: snapshots are taken of a node that is not held: ${errorText(error)}`);
    }
  }

  #follow(config: FollowConfig, snapshots: readonly Snapshot[]): void {
    const { name, quiesce, unit } = this.config;
    const ours = snapshots.filter(({ mark }) => mark !== undefined);
    this.node = new FollowedNode({
      name,
      config,
      quiesce,
      unit,
      folder: this.folder ?? "/",
      last: ours.at(-1)?.height,
      chain: ours.findLast(({ mark }) => mark?.node?.chain !== undefined)?.mark?.node?.chain,
      log: this.#log,
      onHeight: (height) => {
        this.#group.follow(height);
        this.#learn(this.#lookForOrphans());
      },
      onBack: () => {
        this.#doubtUntil = performance.now() + DOUBT_MS;
      },
    });
    this.node.start();
  }

  /** Asks no more of its node. */
  async leave(): Promise<void> {
    this.#left.abort();
    await Promise.all([this.node?.stop(), this.verification?.stop()]);
    await Promise.all(this.#learning);
  }

  /** Looks from time to time whether the blocks of its newest snapshots are on the chain, and a node starts from the newest. */
  tick(): void {
    if (this.node?.state.kind === "following") this.#learn(this.#lookForOrphans());
    const { verification, governor } = this;
    if (verification === undefined) return;
    // The node that is started from a copy writes.
    const canStart = !governor.isShort && !governor.isPaused;
    this.#learn(verification.tick(() => this.btm.list(), canStart));
  }

  async #lookForOrphans(): Promise<void> {
    const { node } = this;
    const now = performance.now();
    const pauseMs = now < this.#doubtUntil ? DOUBTED_MS : ORPHANS_MS;
    if (node === undefined || this.#isLooking || now - this.#orphansAt < pauseMs) return;
    this.#isLooking = true;
    let orphans: Height[];
    try {
      orphans = await orphansAmong(await this.btm.list(), (height) => node.hashAt(height));
    } finally {
      this.#isLooking = false;
      // A look that takes long leaves the node as long in peace.
      this.#orphansAt = performance.now();
    }
    for (const height of orphans.filter((one) => !this.orphans.includes(one))) {
      const what = "its block is no longer on the chain";
      this.#log.warning(`${this.config.name}: the snapshot at ${String(height)} is of another branch: ${what}`);
    }
    this.orphans = orphans;
  }

  /** In a while puts down where the node stood after a snapshot; one that was stopped answers late. */
  learnAfter(height: Height, node: NodeFacts): void {
    this.#learn(this.#learnAfter(height, node, node.quiesce === "stop" ? STARTING_MS : 0));
  }

  /** What is worth less than a snapshot, and keeps none waiting; it is waited for at the end. */
  #learn(work: Promise<void>): void {
    const learning = work
      .catch((error: unknown) => {
        this.#log.warning(`${this.config.name}: ${errorText(error)}`);
      })
      .finally(() => {
        this.#learning.delete(learning);
      });
    this.#learning.add(learning);
  }

  async #learnAfter(height: Height, node: NodeFacts, patienceMs: number): Promise<void> {
    const begin = performance.now();
    let waited = 0;
    for (;;) {
      const after = await this.node?.after();
      if (after !== undefined) {
        // Meanwhile the volume may have been rolled back, and that height taken again.
        if (waited > 0 && !isDeepStrictEqual(await this.#factsAt(height), node)) return;
        await this.btm.describe(height, { after });
        return;
      }
      waited = performance.now() - begin;
      if (this.#left.signal.aborted || waited >= patienceMs) return;
      // Once a second at first, less and less often later.
      await setTimeout(Math.max(1000, waited / 20), undefined, { signal: this.#left.signal }).catch(() => undefined);
    }
  }

  async #factsAt(height: Height): Promise<NodeFacts | undefined> {
    return (await this.btm.list()).find((snapshot) => snapshot.height === height)?.mark?.node;
  }

  ask(height: Height): Promise<Answer> {
    return this.#group.ask(height);
  }

  list(): Promise<Snapshot[]> {
    return this.btm.list();
  }

  /** Told of what became of a snapshot of it. */
  async took(result: SnapshotResult, seconds: number, isPinned: boolean): Promise<void> {
    const { name } = this.config;
    for (const what of result.recovered) this.#log.warning(`${name}: ${what}`);
    for (const { error } of result.failed) this.#log.warning(`${name}: ${errorText(error)}`);
    if (!result.taken) return;
    const thinned = result.pruned.length === 0 ? "" : `; thinned out ${result.pruned.map(String).join(", ")}`;
    this.#log.info(`${name}: took ${String(result.height)} in ${(seconds * 1000).toFixed(0)} ms${thinned}`);
    this.counts.seconds += seconds;
    this.counts.lastTakenAt = new Date();
    this.counts.pruned += result.pruned.length;
    if (isPinned) await this.#pin(result.height);
  }

  async #pin(height: Height): Promise<void> {
    try {
      await this.btm.pin(height, { note: "pinned by the daemon's configuration" });
    } catch (error) {
      this.#log.error(`${this.config.name}: ${errorText(error)}`);
    }
  }
}

/** Between two looks at what is on the chain. */
const ORPHANS_MS = 60_000;
/** The same for a while after a chain went back. */
const DOUBTED_MS = 2000;
const DOUBT_MS = 600_000;
/** A node takes from a second to half an hour to answer again after it was stopped. */
const STARTING_MS = 3_600_000;

function optionsOf({ volume, itv, cap, algo, mode, lockTimeoutMs }: VolumeConfig["cfg"]): BtmOptions {
  return { volume, itv, cap, algo, lockTimeoutMs, ...(mode === undefined ? {} : { mode }) };
}
