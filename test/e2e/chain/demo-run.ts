import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { mkdtemp, readdir, readFile, realpath, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export interface DemoEnd {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface DemoOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A run of the demo in a temporary folder of its own, so that whatever it leaves behind can be told to be its own. */
export class Demo {
  readonly ended: Promise<DemoEnd>;
  readonly #child: ChildProcess;
  readonly #tmp: string;
  /** Something was written, or it is over. */
  readonly #news = new EventEmitter();
  #output = "";

  private constructor(child: ChildProcess, tmp: string) {
    this.#child = child;
    this.#tmp = tmp;
    this.ended = endOf(child);
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#output += text;
        this.#news.emit("news");
      });
    }
    child.once("exit", () => this.#news.emit("news"));
  }

  static async start(options: DemoOptions): Promise<Demo> {
    // Blanks and others are escaped where the kernel lists mounts.
    const tmp = await realpath(await mkdtemp(join(tmpdir(), "btm chain e2e ü-")));
    const script = join(import.meta.dirname, "../../../tools/demo/demo.ts");
    const child = spawn(process.execPath, [script, ...(options.args ?? [])], {
      // A process group of its own, as a terminal gives it one.
      detached: true,
      env: { ...process.env, TMPDIR: tmp, ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    return new Demo(child, tmp);
  }

  /** What it wrote so far, standard output and standard error. */
  get output(): string {
    return this.#output;
  }

  /** Waits until it has written this. */
  async prints(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.#output)) {
      if (this.#isOver) {
        throw new Error(`The demo ended before it wrote ${String(pattern)}:\n${this.#output}`);
      }
      await once(this.#news, "news");
    }
  }

  /** To the whole process group, as a terminal does; nothing happens when it is over already. */
  kill(signal: NodeJS.Signals): void {
    if (this.#child.pid === undefined || this.#isOver) return;
    process.kill(-this.#child.pid, signal);
  }

  async killWatchdog(): Promise<void> {
    for (const pid of await pids()) {
      const [, script = "", folder = ""] = (await contentOf(`/proc/${pid}/cmdline`)).split("\0");
      if (script.endsWith("/cleanup.ts") && folder.startsWith(`${this.#tmp}/`)) process.kill(Number(pid), "SIGKILL");
    }
  }

  get #isOver(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Closes the reading end of its standard output. */
  hangUp(): void {
    this.#child.stdout?.destroy();
  }

  /**
   * All that leads into the temporary folder: files, mounts, loop devices, and processes that were started with it.
   *
   * @param options.patienceMs how long to wait until there is nothing; not at all unless given
   */
  async leftovers({ patienceMs = 0 } = {}): Promise<string[]> {
    const deadline = Date.now() + patienceMs;
    for (;;) {
      const left = await this.#leftNow();
      if (left.length === 0 || Date.now() >= deadline) return left;
      await sleep(100);
    }
  }

  async #leftNow(): Promise<string[]> {
    // The last part of its name has nothing that anyone escapes.
    const token = this.#tmp.slice(-6);
    const mounts = (await readFile("/proc/self/mountinfo", "utf8")).split("\n");
    const left = mounts.filter((line) => line.includes(`-${token}/`)).map((line) => `mount ${line}`);
    for (const device of await readdir("/sys/block")) {
      const file = await contentOf(`/sys/block/${device}/loop/backing_file`);
      if (file.includes(`-${token}/`)) left.push(`/dev/${device} on ${file}`);
    }
    for (const pid of await pids()) {
      if (!(await contentOf(`/proc/${pid}/environ`)).includes(this.#tmp)) continue;
      left.push(`process ${pid}: ${(await contentOf(`/proc/${pid}/cmdline`)).replaceAll("\0", " ")}`);
    }
    for (const name of await readdir(this.#tmp)) left.push(`file ${name}`);
    return left;
  }

  /** Ends it if it has not, and waits for its watchdog. */
  async dispose(): Promise<void> {
    this.kill("SIGTERM");
    await this.ended;
    // What the demo has left is kept, to be looked at: the test has failed.
    if ((await this.leftovers()).length === 0) await rmdir(this.#tmp);
  }
}

/** Not "close", which waits for standard error too: the watchdog has it open as long as it runs. */
async function endOf(child: ChildProcess): Promise<DemoEnd> {
  const [status, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  if (child.stdout?.destroyed === false) await once(child.stdout, "close");
  return { status, signal };
}

async function pids(): Promise<string[]> {
  return (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
}

async function contentOf(path: string): Promise<string> {
  return readFile(path, "utf8").catch(() => "");
}
