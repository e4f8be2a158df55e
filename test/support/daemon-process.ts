import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";

import { EXECUTABLE } from "./executable.ts";

export interface DaemonOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Another copy of the executable. */
  readonly executable?: string;
}

/** A daemon of a test, the executable, which ends with it. */
export class DaemonProcess {
  readonly child: ChildProcess;
  log = "";
  readonly #ended: Promise<unknown>;

  constructor(args: readonly string[], { env = {}, executable = EXECUTABLE }: DaemonOptions = {}) {
    this.child = spawn(executable, ["daemon", ...args], { cwd: "/", stdio: ["ignore", "ignore", "pipe"], env });
    this.child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
      this.log += chunk;
      this.child.emit("said");
    });
    this.#ended = once(this.child, "close");
  }

  /** One that listens already. */
  static async start(args: readonly string[], options: DaemonOptions = {}): Promise<DaemonProcess> {
    const daemon = new DaemonProcess(args, options);
    await daemon.says("listens on");
    return daemon;
  }

  /** Waits until the log says so; fails when the daemon ends before. */
  async says(what: string): Promise<void> {
    while (!this.log.includes(what)) {
      const ended = this.#ended.then(() => {
        if (!this.log.includes(what)) throw new Error(`It ended: ${this.log}`);
      });
      await Promise.race([once(this.child, "said"), ended]);
    }
  }

  /** Its exit status, when it ends by itself. */
  async ended(): Promise<number | null> {
    await this.#ended;
    return this.child.exitCode;
  }

  async end(signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
    this.child.kill(signal);
    await this.#ended;
    return this.child.exitCode;
  }

  /** How many descriptors it has open. */
  get descriptors(): number {
    return readdirSync(`${this.#proc}/fd`).length;
  }

  /** Its peak since the last call. */
  peakBytes(): number {
    const kB = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`${this.#proc}/status`, "utf8"))?.[1];
    // proc(5): 5 resets the peak.
    writeFileSync(`${this.#proc}/clear_refs`, "5");
    return Number(kB) * 1024;
  }

  get #proc(): string {
    return `/proc/${String(this.child.pid)}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end("SIGKILL");
  }
}
