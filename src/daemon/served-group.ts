import { Btm } from "../btm.ts";
import { isBtmError } from "../errors.ts";
import type { Height } from "../height.ts";
import type { GroupListing, SnapshotResult, ThinOptions, ThinResult } from "../results.ts";
import { isOurs } from "../use/use.ts";
import type { NodeFacts } from "../node-facts.ts";
import { haltsWriters, type Together } from "./config.ts";
import { isBehind, unknownText } from "./followed-node.ts";
import { withAllHooks } from "./hooks.ts";
import type { Seen } from "./known-heights.ts";
import { errorText, type Log } from "./log.ts";
import { type Quieted, withAllQuiet } from "./quiet.ts";
import { ServedVolume } from "./served-volume.ts";
import { type Answer, VolumeQueue } from "./volume-queue.ts";

/** What is to be taken, and what the node says of it. */
interface Before {
  readonly height: Height;
  /** Whose node it is. */
  readonly volume: ServedVolume | undefined;
  readonly facts: Omit<NodeFacts, "quiesce"> | undefined;
}

/** What is taken under one height: the volumes of a group, or one volume that is in none. */
export class ServedGroup {
  readonly config: Together;
  readonly queue: VolumeQueue;
  readonly volumes: readonly ServedVolume[];
  readonly #name: string;
  readonly #pins: ReadonlySet<Height>;
  readonly #log: Log;
  /** What is wrong with it, in words; undefined when nothing is known to be. */
  problem: string | undefined = "not looked at yet";
  #saidLacking = "";
  /** Heights that a followed node told and nobody else asked for: a newer one may be taken in their place. */
  readonly #followed = new Set<Height>();
  #lastFollowed: Height | undefined;
  /** How many wait for a height exactly. */
  readonly #asked = new Map<Height, number>();
  #starting: Promise<void> | undefined;
  #isLeft = false;

  constructor(config: Together, log: Log) {
    const [first] = config.volumes;
    if (first === undefined) throw new TypeError("There is no volume");
    this.config = config;
    this.#name = config.group?.name ?? first.name;
    // What is pinned in half of a group is of no use.
    this.#pins = new Set(config.volumes.flatMap(({ pins }) => pins));
    this.#log = log;
    this.queue = new VolumeQueue({
      itv: first.cfg.itv,
      pins: this.#pins,
      take: (height, isPinned) => this.#take(height, isPinned),
      look: () => this.#look(),
      now: () => performance.now(),
      onFailure: (error, height) => {
        this.#fail(error, height);
      },
    });
    this.volumes = config.volumes.map((volume) => new ServedVolume(volume, log, this));
  }

  /** What was interrupted is finished, and what is pinned by the configuration pinned. Never fails. */
  start(): Promise<void> {
    this.#starting ??= this.#start().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  async #start(): Promise<void> {
    const before = this.problem;
    try {
      for (const volume of this.volumes) await volume.start(this.#pins);
      // Of what pool or file system they are, the configuration cannot know.
      if (this.volumes.length > 1) await this.#lookAtAll();
      this.problem = undefined;
      this.queue.refresh();
      for (const volume of this.volumes) this.#log.info(`${volume.config.name}: serving ${volume.resolved}`);
    } catch (error) {
      if (this.#isLeft) return;
      // Two daemons that each have one of the group would wait for each other.
      if (isBtmError(error) && error.code === "ALREADY_RUNNING") await this.release();
      this.problem = errorText(error);
      // Once for each reason, not every ten seconds.
      if (this.problem !== before) this.#log.error(`${this.#name}: ${this.problem}; trying again`);
    }
  }

  /** To be called every few seconds. */
  async tick(): Promise<void> {
    if (this.problem !== undefined) await this.start();
    if (this.problem !== undefined) return;
    await Promise.all(this.volumes.map(({ governor }) => governor.step()));
    for (const volume of this.volumes) volume.tick();
  }

  /** Follows no node any more, and waits for what is under way. */
  async leave(): Promise<void> {
    this.#isLeft = true;
    await Promise.all(this.volumes.map((volume) => volume.leave()));
    await Promise.all([this.queue.drain(), this.#starting]);
  }

  /** Lets others serve its volumes: to be called when it has been left, and no {@link tick} is under way. */
  async release(): Promise<void> {
    for (const volume of this.volumes) await volume.release();
  }

  /** A followed node stands at the height; what goes wrong is logged where it does. */
  follow(height: Height): void {
    this.#tellPassed(height);
    this.#followed.add(height);
    this.#count(this.queue.ask(height))
      .catch(() => undefined)
      .finally(() => this.#followed.delete(height));
  }

  /** A chain that goes on by more than a block between two questions may pass one that was to be pinned. */
  #tellPassed(height: Height): void {
    const before = this.#lastFollowed;
    this.#lastFollowed = height;
    if (before === undefined) return;
    const passed = [...this.#pins].filter((pin) => pin > before && pin < height);
    for (const pin of passed)
      this.#log.warning(`${this.#name}: the chain has passed the pin ${String(pin)}: no snapshot`);
  }

  async ask(height: Height): Promise<Answer> {
    this.#asked.set(height, (this.#asked.get(height) ?? 0) + 1);
    try {
      const answer = await this.#count(this.queue.ask(height));
      if (answer.height === height) return answer;
      // One that was under way already, for a node that had gone on.
      return { ...answer, taken: false, height, reason: "superseded", winner: answer.height };
    } finally {
      const left = (this.#asked.get(height) ?? 1) - 1;
      if (left === 0) this.#asked.delete(height);
      else this.#asked.set(height, left);
    }
  }

  async #count(asked: Promise<Answer>): Promise<Answer> {
    const answer = await asked;
    for (const { counts } of this.volumes) {
      counts.answers.set(answer.reason, (counts.answers.get(answer.reason) ?? 0) + 1);
    }
    return answer;
  }

  /** When space is short for one all are thinned: a height that one lacks is of no use to the others. */
  async thin(short: ServedVolume, options: ThinOptions): Promise<ThinResult> {
    if (this.volumes.length === 1) return short.btm.thin(options);
    const cap = Math.max(Number(options.cap), ...this.config.volumes.map(({ minKeep }) => minKeep));
    const results = await Btm.thinGroup(this.#btms, { ...options, cap });
    for (const [i, volume] of this.volumes.entries()) {
      const removed = results[i]?.removed ?? [];
      // Of the other the governor tells.
      if (volume !== short) {
        this.removed(
          volume,
          removed.map(({ height }) => height),
        );
      }
    }
    return results[this.volumes.indexOf(short)] ?? { removed: [], failed: [], recovered: [] };
  }

  /** Ends what needs space on their disk and can be done later; whether there was something. */
  async makeWay(): Promise<boolean> {
    const verifications = this.volumes.flatMap(({ verification }) => verification ?? []);
    return (await Promise.all(verifications.map((verification) => verification.giveWay()))).includes(true);
  }

  /** Told of what is gone of one of them. */
  removed(volume: ServedVolume, heights: readonly Height[]): void {
    this.queue.known.change(undefined, heights);
    volume.counts.pruned += heights.length;
  }

  async #take(height: Height, isPinned: boolean): Promise<SnapshotResult> {
    for (const volume of this.volumes) await volume.claim();
    for (const { governor } of this.volumes) await governor.beforeSnapshot();
    const warn = (error: Error): void => {
      this.#log.warning(`${this.#name}: ${errorText(error)}`);
    };
    const begin = performance.now();
    const { group, volumes } = this.config;
    const hooked = [...(group === undefined ? [] : [group]), ...volumes];
    const before = await this.#before(height, isPinned, warn);
    // It may be newer than what was asked for.
    const mustStay = isPinned || this.#pins.has(before.height);
    // A node that did not say where it stands will not write out either, and would be waited for much longer.
    const canAsk = before.volume !== undefined;
    const results = await withAllHooks(hooked, before.height, warn, () => {
      return withAllQuiet(this.volumes, { canAsk, warn }, (quieted) => this.#snapshot(before, quieted, mustStay));
    });
    this.problem = undefined;
    const seconds = (performance.now() - begin) / 1000;
    for (const [i, volume] of this.volumes.entries()) {
      const result = results[i];
      if (result !== undefined) await volume.took(result, seconds, mustStay);
    }
    const [first] = results;
    if (first === undefined) throw new TypeError("There is no volume");
    return { ...first, pruned: [...new Set(results.flatMap(({ pruned }) => pruned))] };
  }

  /** What the node that is followed says; of a group one is at most. */
  async #before(height: Height, isPinned: boolean, warn: (error: Error) => void): Promise<Before> {
    const volume = this.volumes.find(({ node }) => node !== undefined);
    if (volume?.node === undefined) return { height, volume: undefined, facts: undefined };
    try {
      const isExact = isPinned || this.#asked.has(height) || !this.#followed.has(height);
      return { ...(await volume.node.before(height, isExact)), volume };
    } catch (error) {
      if (!isBtmError(error) || error.code === "NODE_BEHIND" || error.code === "WRONG_CHAIN") throw error;
      warn(new Error(unknownText(error), { cause: error }));
      return { height, volume: undefined, facts: undefined };
    }
  }

  async #snapshot(
    { height, volume: followed, facts }: Before,
    quieted: Quieted<ServedVolume>,
    isPinned: boolean,
  ): Promise<readonly SnapshotResult[]> {
    const nodes = this.volumes.map((volume): NodeFacts | undefined => {
      return volume === followed && facts !== undefined
        ? { ...facts, quiesce: quieted.get(volume) ?? "none" }
        : undefined;
    });
    const results = await this.#snapshotAll(height, nodes, isPinned);
    const taken = results.some((result) => result.taken);
    const node = followed === undefined ? undefined : nodes[this.volumes.indexOf(followed)];
    if (taken && followed !== undefined && node !== undefined) followed.learnAfter(height, node);
    return results;
  }

  async #snapshotAll(
    height: Height,
    nodes: readonly (NodeFacts | undefined)[],
    isPinned: boolean,
  ): Promise<readonly SnapshotResult[]> {
    const [first, ...others] = this.volumes;
    if (first !== undefined && others.length === 0) {
      const [node] = nodes;
      return [await first.btm.snapshot(height, { force: isPinned, ...(node === undefined ? {} : { node }) })];
    }
    const { members } = await Btm.snapshotGroup(this.#btms, height, { force: isPinned, nodes, ...this.#options });
    return members;
  }

  async #look(): Promise<readonly Seen[]> {
    const [first, ...others] = this.volumes;
    if (first !== undefined && others.length === 0) {
      return (await first.btm.list()).map(({ height, mark }) => ({ height, isOurs: isOurs({ mark }) }));
    }
    return (await this.#lookAtAll()).heights;
  }

  async #lookAtAll(): Promise<GroupListing> {
    const listing = await Btm.groupHeights(this.#btms, this.#options);
    const said = listing.lacking.map(({ volume, heights }) => {
      return `${volume} lacks ${String(heights.length)} that others have, the newest ${String(heights.at(-1))}`;
    });
    // Once, not with each look.
    if (said.length > 0 && said.join() !== this.#saidLacking) {
      this.#log.warning(`${this.#name}: not all of its snapshots are of all of its volumes: ${said.join("; ")}`);
    }
    this.#saidLacking = said.join();
    return listing;
  }

  get #btms(): Btm[] {
    return this.volumes.map(({ btm }) => btm);
  }

  get #options(): { readonly writersHalted: boolean } {
    return { writersHalted: haltsWriters(this.config) };
  }

  #fail(error: unknown, height: Height | undefined): void {
    // Nothing failed: the chain went back meanwhile.
    if (isBehind(error)) {
      this.#log.info(`${this.#name}: ${errorText(error)}`);
      return;
    }
    for (const { counts } of this.volumes) counts.failures++;
    // Nothing is wrong with the volume, and there was an alarm.
    const isPaused = this.volumes.some(({ governor }) => governor.isPaused);
    if (isPaused && isBtmError(error) && error.code === "NO_SPACE") return;
    this.problem = errorText(error);
    this.#log.error(`${this.#name}: ${height === undefined ? "" : `at ${String(height)}: `}${this.problem}`);
  }
}
