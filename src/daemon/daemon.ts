import { isDeepStrictEqual } from "node:util";

import { monotonicMicroseconds, notify } from "../sys/notify.ts";
import { within } from "../sys/within.ts";
import { count } from "../text.ts";
import { VERSION } from "../version.ts";
import { Api } from "./api.ts";
import { CompatSocket } from "./compat.ts";
import { type DaemonConfig, togetherIn } from "./config.ts";
import { Members } from "./group.ts";
import { openToGroup, prepareSocket } from "./listening.ts";
import type { FollowedNode } from "./followed-node.ts";
import { errorText, type Log } from "./log.ts";
import { metricsText } from "./metrics.ts";
import { ServedGroup } from "./served-group.ts";
import type { ServedVolume } from "./served-volume.ts";
import { SocketServer } from "./server.ts";
import type { Verification } from "./verification.ts";
import { watchdogPeriodMs } from "./watchdog.ts";

export interface DaemonOptions {
  readonly load: () => Promise<DaemonConfig>;
  readonly log: Log;
  /** Of systemd: NOTIFY_SOCKET, WATCHDOG_USEC. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** After which a caller is answered, and the work goes on. */
  readonly deadlineMs?: number;
}

/** What runs for long: a socket, the volumes behind it, and a slow clock. */
export class Daemon {
  readonly #options: DaemonOptions;
  readonly #server: SocketServer;
  /** Volumes that are configured no more, or otherwise, whose requests are not all answered. */
  readonly #leaving = new Set<Promise<void>>();
  readonly #startedAt = new Date();
  #config: DaemonConfig | undefined;
  #compat: CompatSocket | undefined;
  #groups: readonly ServedGroup[] = [];
  /** Of each group, when it is looked at next, or that it is at the moment. */
  readonly #ticks = new Map<ServedGroup, NodeJS.Timeout | Promise<void>>();
  #isServing = false;
  #isStopping = false;
  #watchdog: NodeJS.Timeout | undefined;
  #told = "";
  #reloading: Promise<void> = Promise.resolve();

  constructor(options: DaemonOptions) {
    this.#options = options;
    const { log, deadlineMs = DEADLINE_MS } = options;
    const api = new Api({
      volumes: () => this.#volumes,
      status: () => this.#status(),
      metrics: () => metricsText(this.#volumes, this.#server, this.#compat?.counts),
      log,
      deadlineMs,
    });
    this.#server = new SocketServer({ handle: (request) => api.handle(request), log });
  }

  /** @throws BtmError BAD_CONFIG, ALREADY_RUNNING, NAME_TAKEN, MODE_UNAVAILABLE */
  start(): Promise<void> {
    const starting = this.#start();
    // A reload that is asked for meanwhile comes after it.
    this.#reloading = starting.catch(() => undefined);
    return starting;
  }

  async #start(): Promise<void> {
    const { log, load } = this.#options;
    const config = await load();
    this.#config = config;
    log.level = config.logLevel;
    await prepareSocket(config.socket, log);
    this.#groups = togetherIn(config).map((together) => new ServedGroup(together, log));
    await startAll(this.#groups);
    if (config.compatSocket) this.#openCompat();
    try {
      await this.#server.listen(config.socket);
      await openToGroup(config.socket, log);
    } catch (error) {
      // What waits for datagrams would keep the process.
      await this.#closeCompat();
      throw error;
    }
    log.info(`btm ${VERSION} listens on ${config.socket}`);
    this.#tell({ READY: "1", STATUS: this.#sentence() });
    this.#isServing = true;
    for (const group of this.#groups) this.#tick(group);
    const period = watchdogPeriodMs(this.#options.env, process.pid);
    if (period === undefined) return;
    this.#watchdog = setInterval(() => {
      this.#tell({ WATCHDOG: "1" });
    }, period);
  }

  /** @throws BtmError ALREADY_RUNNING */
  #openCompat(): void {
    if (this.#compat !== undefined) return;
    const { log } = this.#options;
    const members = new Members();
    this.#compat = new CompatSocket({
      ask: (height) => {
        // A configuration with this socket has one, of one volume or more.
        const [group] = this.#groups;
        return group === undefined ? Promise.reject(new Error("there is no volume")) : group.ask(height);
      },
      isAllowed: (peer) => members.includes(peer),
      log,
    });
    log.info("Serving the datagram socket of the original");
  }

  async #closeCompat(): Promise<void> {
    await this.#compat?.close();
    this.#compat = undefined;
  }

  /** Reads the configuration again. Requests under way end as they began; a configuration that is no good changes nothing. */
  reload(): Promise<void> {
    this.#reloading = this.#reloading.then(() => this.#reload());
    return this.#reloading;
  }

  async #reload(): Promise<void> {
    if (!this.#isServing || this.#isStopping) return;
    const { log, load } = this.#options;
    this.#tell({ RELOADING: "1", MONOTONIC_USEC: String(monotonicMicroseconds()) });
    const kept = this.#groups;
    let next: readonly ServedGroup[] = kept;
    try {
      const config = await load();
      if (config.socket !== this.#config?.socket) log.warning("Another socket is used after a restart only");
      next = togetherIn(config).map((together) => {
        return kept.find((old) => isDeepStrictEqual(old.config, together)) ?? new ServedGroup(together, log);
      });
      // In between it would be known to nobody.
      await startAll(next.filter((group) => !kept.includes(group)));
      if (config.compatSocket) this.#openCompat();
      else await this.#closeCompat();
      this.#groups = next;
      for (const group of kept) if (!next.includes(group)) this.#letGo(group);
      for (const group of next) if (!kept.includes(group)) this.#tick(group);
      log.level = config.logLevel;
      this.#config = { ...config, socket: this.#config?.socket ?? config.socket };
      log.info(`Read the configuration again: ${count(this.#volumes.length, "volume")}`);
    } catch (error) {
      log.error(`The configuration stays as it was: ${errorText(error)}`);
      for (const group of next) if (!kept.includes(group)) this.#letGo(group);
    }
    this.#tell({ READY: "1", STATUS: this.#sentence() });
  }

  /** Answers those who have asked, finishes what is under way, and lets go. */
  async stop(): Promise<void> {
    this.#tell({ STOPPING: "1", STATUS: "Finishing the snapshots under way" });
    this.#isStopping = true;
    for (const tick of this.#ticks.values()) if (!(tick instanceof Promise)) clearTimeout(tick);
    await this.#reloading;
    await Promise.all([this.#server.close(), this.#closeCompat()]);
    await Promise.all([...this.#groups.map((group) => group.leave()), ...this.#leaving]);
    await Promise.all(this.#groups.map((group) => this.#endTicks(group)));
    for (const group of this.#groups) await group.release();
    // A commit may take minutes: until here it is alive.
    clearInterval(this.#watchdog);
    this.#options.log.info("Stopped");
  }

  get #volumes(): readonly ServedVolume[] {
    return this.#groups.flatMap(({ volumes }) => volumes);
  }

  #letGo(group: ServedGroup): void {
    const leaving = Promise.all([this.#endTicks(group), group.leave()]).then(() => group.release());
    void leaving.finally(() => {
      this.#leaving.delete(leaving);
    });
    this.#leaving.add(leaving);
  }

  /** The next one is set when it has ended: a disk that does not answer must not pile them up, nor hold up others. */
  #tick(group: ServedGroup): void {
    const ticking = group.tick().then(() => {
      const sentence = this.#sentence();
      if (sentence !== this.#told) this.#tell({ STATUS: sentence });
      this.#told = sentence;
      this.#ticks.delete(group);
      if (this.#isStopping || !this.#groups.includes(group)) return;
      const waits = group.volumes.map(({ governor }) => governor.lookAgainMs);
      const next = setTimeout(
        () => {
          this.#tick(group);
        },
        Math.min(TICK_MS, ...waits),
      );
      this.#ticks.set(group, next);
    });
    this.#ticks.set(group, ticking);
  }

  async #endTicks(group: ServedGroup): Promise<void> {
    const tick = this.#ticks.get(group);
    if (tick instanceof Promise) await tick;
    else clearTimeout(tick);
    this.#ticks.delete(group);
  }

  #tell(variables: Readonly<Record<string, string>>): void {
    try {
      notify(this.#options.env["NOTIFY_SOCKET"], variables);
    } catch (error) {
      this.#options.log.warning(`Cannot tell systemd: ${errorText(error)}`);
    }
  }

  #sentence(): string {
    const ill = this.#volumes.filter(({ problem, governor, node }) => {
      return problem !== undefined || governor.isPaused || node?.isIll === true;
    });
    const serving = `Serving ${count(this.#volumes.length, "volume")}`;
    return ill.length === 0 ? serving : `${serving}; ALARM: ${ill.map(({ config }) => config.name).join(", ")}`;
  }

  #status(): object {
    return {
      version: VERSION,
      pid: process.pid,
      startedAt: this.#startedAt.toISOString(),
      connections: this.#server.connections,
      volumes: this.#volumes.map(({ config, queue, governor, counts, problem, node, orphans, verification }) => ({
        name: config.name,
        volume: config.cfg.volume,
        group: config.group ?? null,
        problem: problem ?? null,
        snapshots: queue.known.isKnown ? queue.known.count : null,
        newest: queue.known.newest === undefined ? null : String(queue.known.newest),
        current: queue.current === undefined ? null : String(queue.current),
        queued: queue.depth,
        lastTakenAt: counts.lastTakenAt?.toISOString() ?? null,
        failures: counts.failures,
        paused: governor.isPaused,
        freeBytes: governor.free === undefined ? null : String(governor.free),
        minFreeBytes: governor.wanted === undefined ? null : String(governor.wanted),
        node: node === undefined ? null : nodeStatus(node),
        orphans: orphans.map(String),
        verified: verification === undefined ? null : proofStatus(verification),
      })),
    };
  }
}

/** A disk that does not answer, and a node that is started after an interrupted rollback, must not keep the others waiting. */
async function startAll(groups: readonly ServedGroup[]): Promise<void> {
  await within(START_MS, Promise.all(groups.map((group) => group.start())));
}

function proofStatus({ last, isRunning, problem }: Verification): object {
  const { snapshot, verified } = last ?? {};
  return {
    running: isRunning,
    height: snapshot === undefined ? null : String(snapshot.height),
    outcome: verified?.outcome ?? null,
    at: verified?.at ?? null,
    stands: verified?.height ?? null,
    problem: problem ?? null,
  };
}

function nodeStatus({ state, quiesce }: FollowedNode): object {
  const { kind, sentence, family, why, chain, reading, last } = state;
  return {
    state: kind,
    sentence,
    family: family ?? null,
    why: why ?? null,
    chain: chain ?? null,
    head: reading === undefined ? null : String(reading.head.height),
    last: last === undefined ? null : String(last),
    quiesce,
  };
}

const START_MS = 30_000;
const DEADLINE_MS = 10_000;
const TICK_MS = 10_000;
