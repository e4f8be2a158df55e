import { type ChildProcess, type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync, watch } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

import { guestEnvironment } from "../../tools/guest-environment.ts";
import { bundleFixture } from "../support/bundle-fixture.ts";
import type { WorkerArgument } from "../support/fixtures/cut-worker.ts";
import type { Layout } from "./disks.ts";
import { type Event, FILES, type Moment, type Seen, type Word } from "./events.ts";
import { run } from "../support/run.ts";

/** A guest that is still there by then hangs. */
const GUEST_SECONDS = 180;

/** A machine with a disk, which is a file, whose power can be cut: one guest of the lab after the other. */
export class Machine {
  readonly folder: string;
  readonly #lab: string;
  readonly #zfs: string;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #watchdog: ChildProcess;

  private constructor(lab: string, zfs: string, folder: string, environment: NodeJS.ProcessEnv) {
    this.#environment = environment;
    this.#lab = lab;
    this.#zfs = zfs;
    this.folder = folder;
    this.#watchdog = spawn(process.execPath, [WATCHDOG, lab, folder], {
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
    });
  }

  /** @param zfs which OpenZFS: 21 is 2.1.11, 23 is 2.3.2 */
  static async make(lab: string, zfs: string): Promise<Machine> {
    const environment = { ...(await guestEnvironment()), VMTIMEOUT: String(GUEST_SECONDS) };
    const machine = new Machine(lab, zfs, await mkdtemp(join(tmpdir(), `btm-cut-${zfs}-`)), environment);
    for (const fixture of ["cut-worker", "cut-writer"]) await bundleFixture(fixture, machine.folder);
    return machine;
  }

  boot(argument: Omit<WorkerArgument, "folder">): Boot {
    rmSync(join(this.folder, FILES.word), { force: true });
    const worker = join(this.folder, "cut-worker.mjs");
    const words = [process.execPath, worker, JSON.stringify({ folder: this.folder, ...argument })];
    const line = words.map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`).join(" ");
    const guest = spawn(join(this.#lab, "zfs-run"), ["-w", this.folder, "-z", this.#zfs, line], {
      // In a session of its own: what ends this process from a terminal is the watchdog's matter.
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: this.#environment,
    });
    return new Boot(guest, this.folder);
  }

  events(boot: number): Event[] {
    return this.#lines(FILES.events(boot)).map((line) => JSON.parse(line) as Event);
  }

  acks(boot: number): number[] {
    return this.#lines(FILES.acks(boot)).map(Number);
  }

  /** All the calls of onStep there were. */
  moments(boot: number): Moment[] {
    return this.events(boot).flatMap((event) => {
      if (event.kind !== "step") return [];
      const { operation, step, when } = event;
      return [{ operation, step, when }];
    });
  }

  /** Whether it had done with recovery. */
  hasStarted(boot: number): boolean {
    return this.events(boot).some(({ kind }) => kind === "start");
  }

  hasSeen(boot: number): boolean {
    return existsSync(join(this.folder, FILES.seen(boot)));
  }

  /** Looks at the disk from outside, while the power is off. */
  async check(layout: Layout): Promise<void> {
    if (layout !== "zfs") await run("btrfs", ["check", "--readonly", join(this.folder, FILES.image)]);
  }

  seen(boot: number): Seen {
    return JSON.parse(readFileSync(join(this.folder, FILES.seen(boot)), "utf8")) as Seen;
  }

  /** Takes everything down. */
  async dispose(): Promise<void> {
    const ended = once(this.#watchdog, "exit");
    this.#watchdog.stdin?.end();
    await ended;
    if (this.#watchdog.exitCode !== 0) throw new Error(`Something is left of ${this.folder}`);
  }

  /** The whole lines of a file: the last one may have been under way. */
  #lines(name: string): string[] {
    const file = join(this.folder, name);
    return existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : [];
  }
}

type Guest = ChildProcessByStdio<null, Readable, Readable>;

/** One guest, from when its power is switched on. */
export class Boot {
  readonly #guest: Guest;
  readonly #said: Promise<string>;
  readonly #word: Promise<Word>;

  constructor(guest: Guest, folder: string) {
    this.#word = new Promise((resolve) => {
      const watcher = watch(folder, (_, name) => {
        if (name !== FILES.word) return;
        watcher.close();
        resolve(JSON.parse(readFileSync(join(folder, FILES.word), "utf8")) as Word);
      });
      watcher.unref();
    });
    this.#guest = guest;
    const said = Promise.all([text(guest.stdout), text(guest.stderr), once(guest, "close")]);
    this.#said = said.then(([stdout, stderr]) => stdout + stderr);
  }

  /** Resolves when the moment has come. */
  async word(): Promise<Word> {
    const early = this.#said.then((said): never => {
      throw new Error(`The guest ended before its moment, with ${String(this.#guest.exitCode)}: ${said}`);
    });
    early.catch(() => undefined);
    return Promise.race([this.#word, early]);
  }

  /**
   * Cuts the power. zfs-cut looks for the guest among all processes, half a second and more; the moment is gone by then.
   * The guest's kernel is one process, whose end is the end of all that runs in it; but for its helpers, which read and
   * write the disks for it, and are of its process group.
   */
  async cut(): Promise<void> {
    const [timeout = 0] = childrenOf(this.#guest.pid ?? 0);
    const [kernel] = childrenOf(timeout);
    if (kernel === undefined) throw new Error("There is no guest to cut");
    process.kill(-kernel, "SIGKILL");
    await this.#said;
  }

  /** Waits until it has done its work and switched itself off. */
  async end(): Promise<void> {
    const said = await this.#said;
    if (this.#guest.exitCode !== 0) throw new Error(`The guest ended with ${String(this.#guest.exitCode)}: ${said}`);
  }
}

function childrenOf(pid: number): number[] {
  const list = readFileSync(`/proc/${String(pid)}/task/${String(pid)}/children`, "utf8");
  return list
    .trim()
    .split(" ")
    .filter((child) => child !== "")
    .map(Number);
}

const WATCHDOG = fileURLToPath(new URL("watchdog.ts", import.meta.url));
