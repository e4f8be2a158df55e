import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync, watch } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

import { bundleFixture } from "../support/bundle-fixture.ts";
import type { WorkerArgument } from "../support/fixtures/cut-worker.ts";
import { type Event, FILES, type Seen } from "./events.ts";

/** A guest that is still there by then hangs. */
const GUEST_SECONDS = 180;

/** A machine with a disk, which is a file, whose power can be cut: one guest of the lab after the other. */
export class Machine {
  readonly folder: string;
  readonly #lab: string;
  readonly #zfs: string;
  readonly #watchdog: ChildProcess;

  private constructor(lab: string, zfs: string, folder: string) {
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
    const machine = new Machine(lab, zfs, await mkdtemp(join(tmpdir(), `btm-cut-${zfs}-`)));
    for (const fixture of ["cut-worker", "cut-writer"]) await bundleFixture(fixture, machine.folder);
    return machine;
  }

  boot(argument: Omit<WorkerArgument, "folder">): Boot {
    rmSync(join(this.folder, FILES.word), { force: true });
    const worker = join(this.folder, "cut-worker.mjs");
    const words = [process.execPath, worker, JSON.stringify({ folder: this.folder, ...argument })];
    const line = words.map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`).join(" ");
    return new Boot(join(this.#lab, "zfs-run"), ["-w", this.folder, "-z", this.#zfs, line], this.folder);
  }

  events(boot: number): Event[] {
    return this.#lines(FILES.events(boot)).map((line) => JSON.parse(line) as Event);
  }

  acks(boot: number): number[] {
    return this.#lines(FILES.acks(boot)).map(Number);
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

/** One guest, from when its power is switched on. */
export class Boot {
  readonly #guest: ChildProcess;
  readonly #said: Promise<string>;
  readonly #word: Promise<number>;

  constructor(command: string, args: readonly string[], folder: string) {
    this.#word = new Promise((resolve) => {
      const watcher = watch(folder, (_, name) => {
        if (name !== FILES.word) return;
        watcher.close();
        resolve(Number(readFileSync(join(folder, FILES.word), "utf8")));
      });
      watcher.unref();
    });
    const env = { ...process.env, VMTIMEOUT: String(GUEST_SECONDS) };
    // In a session of its own: what ends this process from a terminal is the watchdog's matter.
    const guest = spawn(command, args, { detached: true, stdio: ["ignore", "pipe", "pipe"], env });
    this.#guest = guest;
    const said = Promise.all([text(guest.stdout), text(guest.stderr), once(guest, "close")]);
    this.#said = said.then(([stdout, stderr]) => stdout + stderr);
  }

  /** Resolves when the moment has come, with the milliseconds that the snapshot before it took. */
  async word(): Promise<number> {
    const early = this.#said.then((said): never => {
      throw new Error(`The guest ended before its moment, with ${String(this.#guest.exitCode)}: ${said}`);
    });
    early.catch(() => undefined);
    return Promise.race([this.#word, early]);
  }

  /**
   * Cuts the power. zfs-cut looks for the guest among all processes, half a second and more; the moment is gone by then.
   * The guest's kernel is one process, whose end is the end of all that runs in it.
   */
  async cut(): Promise<void> {
    const [timeout = 0] = childrenOf(this.#guest.pid ?? 0);
    const [kernel] = childrenOf(timeout);
    if (kernel === undefined) throw new Error("There is no guest to cut");
    process.kill(kernel, "SIGKILL");
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
