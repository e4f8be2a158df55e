import { execFile } from "node:child_process";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { BtrfsImage } from "./btrfs-image.ts";
import { DaemonProcess } from "./daemon-process.ts";
import { btm, copyExecutable } from "./executable.ts";

const run = promisify(execFile);
type Env = Readonly<Record<string, string>>;

export interface Got {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** A subvolume called blockchain, a folder that every user gets into, and a socket that is another for each test. */
export class DaemonWorld {
  readonly image: BtrfsImage;
  readonly folder: string;
  readonly volume: string;
  readonly executable: string;
  #count = 0;

  private constructor(image: BtrfsImage, volume: string, folder: string, executable: string) {
    this.image = image;
    this.volume = volume;
    this.folder = folder;
    this.executable = executable;
  }

  static async make(): Promise<DaemonWorld> {
    const image = await BtrfsImage.make();
    const volume = await image.makeSubvolume("blockchain");
    // That of the image is closed to others.
    const folder = await mkdtemp(join(tmpdir(), "btm-daemon-"));
    await chmod(folder, 0o755);
    return new DaemonWorld(image, volume, folder, await copyExecutable(folder));
  }

  async dispose(): Promise<void> {
    await rm(this.folder, { recursive: true });
    await this.image.dispose();
  }

  /** No snapshots, and another socket. */
  async fresh(): Promise<void> {
    await btm(["clean", "-p", this.volume]);
    this.#count++;
  }

  get socket(): string {
    return join(this.folder, `${String(this.#count)}.sock`);
  }

  run(args: readonly string[], env: Env = {}): DaemonProcess {
    return new DaemonProcess(args, { executable: this.executable, env });
  }

  /** Of what is given twice the last counts. */
  start(args: readonly string[] = [], env: Env = {}): Promise<DaemonProcess> {
    const usual = [`-p=${this.volume}`, "-i=10", "-c=100", "-m=btrfs", "-a=fade", "--socket", this.socket];
    return this.startWith([...usual, ...args], env);
  }

  startWith(args: readonly string[], env: Env = {}): Promise<DaemonProcess> {
    return DaemonProcess.start(args, { executable: this.executable, env });
  }

  async curl(path: string, ...rest: readonly string[]): Promise<Got> {
    const front = ["-s", "-m", "30", "-w", "\n%{http_code}", "--unix-socket", this.socket];
    const { stdout } = await run("curl", [...front, `http://btm${path}`, ...rest], { maxBuffer: 1 << 24 });
    const at = stdout.lastIndexOf("\n");
    const text = stdout.slice(0, at);
    const body = path === "/metrics" ? { text } : (JSON.parse(text) as Got["body"]);
    return { status: Number(stdout.slice(at + 1)), body };
  }
}
