import { ownCommand } from "../check/self.ts";
import type { Snapshot } from "../driver/driver.ts";
import { BtmError, isBtmError } from "../errors.ts";
import { endUnit, runInUnit } from "../quiesce/in-unit.ts";
import { escapeText } from "../text.ts";
import type { VolumeConfig } from "./config.ts";
import { errorText, type Log } from "./log.ts";
import { dueForProof, lastProof, nextRetryMs, type Proof, type VerifyConfig } from "./verify-schedule.ts";

/** The exit status of btm verify that says so of the snapshot (docs/exit-codes.md). */
const NO_GOOD = 10;

/** Verifies the newest snapshot of a volume from time to time, by the command of the same name. */
export class Verification {
  readonly #volume: VolumeConfig;
  readonly #config: VerifyConfig;
  readonly #log: Log;
  readonly #run: typeof runInUnit;
  readonly #end: typeof endUnit;
  readonly #stopped = new AbortController();
  #isInTheWay = new AbortController();
  #lookedAt = -Infinity;
  #triedAt: number | undefined;
  #retryMs: number | undefined;
  #running: Promise<void> | undefined;
  /** Whether one that we did not start, or did before we were started again, was under way at the last look. */
  #isElsewhere = false;
  /** As last seen. */
  last: Proof | undefined;
  /** Why the last try has left no proof, good or bad; undefined when it has left one. */
  problem: string | undefined;

  constructor(volume: VolumeConfig, config: VerifyConfig, log: Log, run = runInUnit, end = endUnit) {
    this.#volume = volume;
    this.#config = config;
    this.#log = log;
    this.#run = run;
    this.#end = end;
  }

  get isRunning(): boolean {
    return this.#running !== undefined || this.#isElsewhere;
  }

  /**
   * To be called every few seconds; lists at most once a minute.
   *
   * @param canStart false while there is no space for what a node writes
   */
  async tick(list: () => Promise<readonly Snapshot[]>, canStart = true): Promise<void> {
    if (this.#running !== undefined || performance.now() - this.#lookedAt < LOOK_MS) return;
    this.#lookedAt = performance.now();
    const snapshots = await list();
    const now = Date.now();
    this.last = lastProof(snapshots, now);
    const due = dueForProof(snapshots, this.#config.every, {
      now,
      triedAt: this.#triedAt,
      ...(this.#retryMs === undefined ? {} : { retryMs: this.#retryMs }),
    });
    if (due === undefined) this.#isElsewhere = false;
    if (due === undefined || !canStart || this.#stopped.signal.aborted) return;
    this.#running = this.#verify(due).finally(() => {
      this.#running = undefined;
    });
  }

  /** One under way goes on by itself under systemd, and is ended elsewhere. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  /** Ends the one under way: what it writes is wanted by the node. @returns whether there was one */
  async giveWay(): Promise<boolean> {
    if (!this.isRunning) return false;
    this.#log.warning(`${this.#volume.name}: the verification is ended, and tried again in an hour: space is short`);
    this.#isInTheWay.abort();
    this.#triedAt = Date.now();
    this.#retryMs = undefined;
    try {
      await this.#end(this.#unit);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.#log.error(`${this.#volume.name}: cannot end the verification: ${errorText(error)}`);
    }
    await this.#running;
    this.#isElsewhere = false;
    return true;
  }

  get #unit(): string {
    return `btm-verify-${this.#volume.name}.service`;
  }

  async #verify({ height }: Snapshot): Promise<void> {
    const { name } = this.#volume;
    const [unit, timeoutMs] = [this.#unit, this.#config.timeoutSeconds * 1000 + MARGIN_MS];
    this.#isInTheWay = new AbortController();
    const signal = AbortSignal.any([this.#stopped.signal, this.#isInTheWay.signal]);
    const snapshot = `the snapshot at ${String(height)}`;
    if (!this.#isElsewhere) this.#log.info(`${name}: verifying ${snapshot}`);
    try {
      const { file, args } = ownCommand();
      const ended = await this.#run({ unit, file, args: [...args, ...this.#words(height)], timeoutMs, signal });
      if (ended === "runs-already") {
        if (!this.#isElsewhere) this.#log.info(`${name}: ${unit} is under way already, and is waited for`);
        this.#isElsewhere = true;
        return;
      }
      const { status, stderr } = ended;
      const reason = escapeText(reasonIn(stderr).slice(0, 1000));
      if (status === 0) this.#log.info(`${name}: ${snapshot} is good to start from`);
      else if (this.#isInTheWay.signal.aborted) this.#log.info(`${name}: the verification of ${snapshot} has ended`);
      else this.#log.error(`${name}: ALARM: ${snapshot}: ${reason}`);
      if (!this.#isInTheWay.signal.aborted) this.#tell(status === 0 || status === NO_GOOD ? undefined : reason);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      if (isBtmError(error) && error.code === "ABORTED")
        this.#log.info(`${name}: the verification of ${snapshot} is not waited for`);
      else {
        this.#log.error(`${name}: cannot verify ${snapshot}: ${errorText(error)}`);
        this.#tell(errorText(error));
      }
    }
    this.#isElsewhere = false;
    this.#triedAt = Date.now();
    // What came of it is looked for with the next tick.
    this.#lookedAt = -Infinity;
  }

  /** @param problem why it has left no proof */
  #tell(problem: string | undefined): void {
    this.problem = problem;
    this.#retryMs = problem === undefined ? undefined : nextRetryMs(this.#retryMs);
  }

  #words(height: Snapshot["height"]): string[] {
    const { cfg, follow: node } = this.#volume;
    const { command, follow, timeoutSeconds } = this.#config;
    const { family, cookie } = node ?? {};
    return [
      ...["verify", "-p", cfg.volume, "-s", String(height), "--timeout", `${String(timeoutSeconds)}s`],
      ...(follow === undefined ? [] : ["--follow", follow]),
      ...(follow === undefined || family === undefined ? [] : ["--chain", family]),
      ...(follow === undefined || cookie === undefined ? [] : ["--cookie", cookie]),
      ...["--", ...command],
    ];
  }
}

/** What btm says of its failure, before a hint; what it said last when that is not there. */
function reasonIn(stderr: string): string {
  const lines = stderr.trim().split("\n");
  return lines.findLast((line) => line.startsWith("btm: ")) ?? lines.at(-1) ?? "";
}

/** @throws BtmError BAD_OPTION */
export function checkVerifyCommand(command: readonly string[] | undefined): readonly string[] {
  const [program] = command ?? [];
  const isGood = program?.startsWith("/") === true && command?.some((word) => word.includes("\0")) === false;
  if (command !== undefined && isGood) return command;
  throw new BtmError(
    "BAD_OPTION",
    "Cannot verify: verify_command must be an array whose first entry is the absolute path of the node",
    { hint: 'For example ["/usr/bin/litecoind", "-datadir={path}"]' },
  );
}

const LOOK_MS = 60_000;
/** To open the copy and to close it, and to stop the node. */
const MARGIN_MS = 10 * 60_000;
