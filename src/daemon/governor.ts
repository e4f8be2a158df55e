import type { Btm } from "../btm.ts";
import type { Snapshot } from "../driver/driver.ts";
import { BtmError } from "../errors.ts";
import { bytesText, count, quote } from "../text.ts";
import { isOurs } from "../use/use.ts";
import type { VolumeConfig } from "./config.ts";
import { isPressing, lookAgainMs, STEP_MS, stepAtFloor, stepMs } from "./floor.ts";
import type { FreeSpace } from "./free-space.ts";
import { errorText, type Log } from "./log.ts";
import { minFreeBytes, minFreeText } from "./min-free.ts";

export interface GovernorDeps {
  readonly config: VolumeConfig;
  readonly btm: Pick<Btm, "thin" | "undoPoints" | "dropUndo" | "list">;
  readonly space: () => Promise<FreeSpace | undefined>;
  readonly log: Log;
  /** Milliseconds that only go forwards. */
  readonly now: () => number;
  /** Ends what needs space and can be done later; whether there was something. */
  readonly makeWay: () => Promise<boolean>;
  /** Told of what is gone. */
  readonly onRemoved: (heights: readonly bigint[]) => void;
}

/** Keeps the disk from filling up under a node: what to do is floor.ts's to say, this does it. */
export class Governor {
  readonly #deps: GovernorDeps;
  #isPaused = false;
  #leastLeft: number | undefined;
  #isBlind = false;
  #step: Promise<void> | undefined;
  #steppedAt = -Infinity;
  /** When it was last looked at, and what was free then. */
  #seen: { readonly at: number; readonly free: bigint } | undefined;
  /** After which it is to be stepped again. */
  lookAgainMs = STEP_MS;
  free: bigint | undefined;
  wanted: bigint | undefined;
  removed = 0;

  constructor(deps: GovernorDeps) {
    this.#deps = deps;
  }

  /** Whether no snapshots are taken. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  get isShort(): boolean {
    return this.free !== undefined && this.wanted !== undefined && this.free < this.wanted;
  }

  /**
   * Looks before each snapshot, for it is a snapshot that keeps what is written over from coming back; makes space when it
   * is short, at the pace of the clock.
   *
   * @throws BtmError NO_SPACE when no snapshot may be taken
   */
  async beforeSnapshot(): Promise<void> {
    await this.#look();
    if (this.isShort) {
      if (isPressing(this.free ?? 0n, this.wanted ?? 0n)) this.#pause(true);
      if (this.#deps.now() - this.#steppedAt >= stepMs(this.free ?? 0n, this.wanted ?? 0n)) await this.step();
    }
    if (!this.#isPaused) return;
    const { config } = this.#deps;
    throw new BtmError("NO_SPACE", `No snapshots of ${quote(config.cfg.volume)} are taken: ${this.#shortText()}`, {
      hint: "It goes on by itself when there is more; free some, or lower min_free",
    });
  }

  /** One step, or the end of the one under way. Never fails: what goes wrong is logged, and tried again. */
  step(): Promise<void> {
    this.#step ??= this.#run().finally(() => {
      this.#step = undefined;
    });
    return this.#step;
  }

  async #run(): Promise<void> {
    const { config, btm, log, makeWay } = this.#deps;
    this.#steppedAt = this.#deps.now();
    try {
      await this.#look();
      if (this.free === undefined || this.wanted === undefined) return;
      // While there is enough the disk is not touched.
      const isShort = this.free < this.wanted;
      if (!isShort) this.#leastLeft = undefined;
      // That goes before any snapshot does; what it has freed the next step sees.
      if (isShort && (await makeWay())) return;
      const ours = isShort ? await this.#ours() : [];
      const points = isShort ? await btm.undoPoints() : [];
      const next = stepAtFloor({
        free: this.free,
        wanted: this.wanted,
        snapshots: ours.length,
        minKeep: config.minKeep,
        undoPoints: points.length,
        isPaused: this.#isPaused,
        leastLeft: this.#leastLeft,
      });
      this.#pause(next.isPaused);
      if (next.pruneTo !== undefined) await this.#prune(next.pruneTo, ours);
      const [oldest] = points;
      if (next.dropUndo && oldest !== undefined) {
        log.warning(`${config.name}: ${this.#shortText()}; dropping undo point ${String(oldest.number)}`);
        await btm.dropUndo(oldest.number);
        // What it needed may go now.
        this.#leastLeft = undefined;
      }
    } catch (error) {
      log.error(`${config.name}: cannot make space: ${errorText(error)}`);
      // Where nothing can be removed, at least nothing is added.
      if (this.isShort) this.#pause(true);
    }
  }

  async #look(): Promise<void> {
    const { config, space, now } = this.#deps;
    const found = await space();
    this.#tellBlind(found === undefined);
    this.free = found?.free;
    this.wanted = found === undefined ? undefined : minFreeBytes(config.minFree, found.size);
    const seen = found === undefined ? undefined : { at: now(), free: found.free };
    this.lookAgainMs = lookAgainMs(this.#seen, seen, this.wanted ?? 0n);
    this.#seen = seen;
  }

  async #ours(): Promise<Snapshot[]> {
    return (await this.#deps.btm.list()).filter(isOurs);
  }

  /** @param ours by which it was decided */
  async #prune(cap: number, ours: readonly Snapshot[]): Promise<void> {
    const { config, btm, log, onRemoved } = this.#deps;
    const { removed, failed } = await btm.thin({ cap, atMost: ours.length - cap });
    this.#leastLeft = await this.#leastAfter(cap, ours, removed);
    this.removed += removed.length;
    onRemoved(removed.map(({ height }) => height));
    if (removed.length > 0) {
      const which = removed.map(({ height }) => String(height)).join(", ");
      log.warning(`${config.name}: ${this.#shortText()}; removed ${count(removed.length, "snapshot")}: ${which}`);
    }
    for (const { error } of failed) log.warning(`${config.name}: ${errorText(error)}`);
  }

  /**
   * How many had to be left of those before; undefined when more may go, or when fewer went than were to because others
   * went meanwhile with those of another volume of its group.
   */
  async #leastAfter(
    cap: number,
    before: readonly Snapshot[],
    removed: readonly Snapshot[],
  ): Promise<number | undefined> {
    const left = before.length - removed.length;
    if (left <= cap) return cap === this.#deps.config.minKeep ? left : undefined;
    const gone = new Set(removed.map(({ uuid }) => uuid));
    const now = new Set((await this.#ours()).map(({ uuid }) => uuid));
    return before.every(({ uuid }) => gone.has(uuid) || now.has(uuid)) ? left : undefined;
  }

  /** Once, not every ten seconds. */
  #tellBlind(isBlind: boolean): void {
    if (isBlind === this.#isBlind) return;
    this.#isBlind = isBlind;
    const { config, log } = this.#deps;
    if (isBlind) log.warning(`${config.name}: cannot tell how much space is free: min_free is not watched`);
    else log.info(`${config.name}: it can be told again how much space is free`);
  }

  #pause(isPaused: boolean): void {
    if (isPaused === this.#isPaused) return;
    this.#isPaused = isPaused;
    const { config, log } = this.#deps;
    if (isPaused) log.error(`${config.name}: ALARM: no snapshots are taken any more: ${this.#shortText()}`);
    else log.info(`${config.name}: there is enough space again, snapshots are taken`);
  }

  #shortText(): string {
    const { minFree, minKeep } = this.#deps.config;
    const wanted = minFree.kind === "bytes" ? "" : ` (${minFreeText(minFree)})`;
    const room = `${bytesText(this.free ?? 0n)} are free, and ${bytesText(this.wanted ?? 0n)}${wanted} must be`;
    return `${room}; snapshots go down to ${String(minKeep)}`;
  }
}
