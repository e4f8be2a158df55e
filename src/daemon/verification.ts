import { runOwn } from "../check/in-own-unit.ts";
import type { Snapshot } from "../driver/driver.ts";
import { BtmError } from "../errors.ts";
import { escapeText } from "../text.ts";
import type { VolumeConfig } from "./config.ts";
import { errorText, type Log } from "./log.ts";
import { dueForProof, lastProof, type Proof, type VerifyConfig } from "./verify-schedule.ts";

/** Verifies the newest snapshot of a volume from time to time, by the command of the same name. */
export class Verification {
  readonly #volume: VolumeConfig;
  readonly #config: VerifyConfig;
  readonly #log: Log;
  #lookedAt = -Infinity;
  #triedAt: number | undefined;
  #running: Promise<void> | undefined;
  /** As last seen. */
  last: Proof | undefined;

  constructor(volume: VolumeConfig, config: VerifyConfig, log: Log) {
    this.#volume = volume;
    this.#config = config;
    this.#log = log;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** To be called every few seconds; lists at most once a minute. */
  async tick(list: () => Promise<readonly Snapshot[]>): Promise<void> {
    if (this.#running !== undefined || performance.now() - this.#lookedAt < LOOK_MS) return;
    this.#lookedAt = performance.now();
    const snapshots = await list();
    this.last = lastProof(snapshots);
    const due = dueForProof(snapshots, this.#config.every, { now: Date.now(), triedAt: this.#triedAt });
    if (due === undefined) return;
    this.#triedAt = Date.now();
    this.#running = this.#verify(due).finally(() => {
      this.#running = undefined;
      // What came of it is looked for with the next tick.
      this.#lookedAt = -Infinity;
    });
  }

  /** One under way goes on by itself under systemd, and ends with us elsewhere: a daemon that stops does not wait for it. */
  async #verify({ height }: Snapshot): Promise<void> {
    const { name, cfg } = this.#volume;
    const { command, follow, timeoutSeconds } = this.#config;
    const { chain, cookie } = { chain: this.#volume.follow?.family, cookie: this.#volume.follow?.cookie };
    const words = [
      ...["verify", "-p", cfg.volume, "-s", String(height), "--timeout", `${String(timeoutSeconds)}s`],
      ...(follow === undefined ? [] : ["--follow", follow]),
      ...(follow === undefined || chain === undefined ? [] : ["--chain", chain]),
      ...(follow === undefined || cookie === undefined ? [] : ["--cookie", cookie]),
      ...["--", ...command],
    ];
    this.#log.info(`${name}: verifying the snapshot at ${String(height)}`);
    try {
      const { status, stderr } = await runOwn(`btm-verify-${name}.service`, words, timeoutSeconds * 1000 + MARGIN_MS);
      const last = stderr.trim().split("\n").at(-1) ?? "";
      if (status === 0) this.#log.info(`${name}: the snapshot at ${String(height)} is good to start from`);
      else this.#log.error(`${name}: ALARM: the snapshot at ${String(height)}: ${escapeText(last.slice(0, 1000))}`);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.#log.error(`${name}: cannot verify the snapshot at ${String(height)}: ${errorText(error)}`);
    }
  }
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
