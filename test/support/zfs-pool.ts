import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { killFixtures } from "./fixture.ts";
import { run } from "./run.ts";
import { takeDownPool } from "./take-down-pool.ts";

export interface PoolOptions {
  /** The image is sparse; a pool wants 64 MiB at least. */
  readonly sizeMiB?: number;
  /** The name of the directory that holds the mount points. */
  readonly folderName?: string;
  /** For the pool's own file system, as `zpool create -O` takes them: its datasets inherit them. */
  readonly properties?: readonly string[];
  /** Told of the pool as soon as what takes it down knows it. */
  readonly onPool?: (pool: { readonly name: string; readonly folder: string }) => void;
}

/**
 * The folder that tools/test-zfs.ts shares with a guest: the guest's other files are in its memory, and it ends with all it
 * has when the tests do.
 */
const GUEST_FOLDER = process.env["BTM_ZFS_FOLDER"];

/** A ZFS pool of its own in a file. Whatever becomes of this process, a watchdog takes it all down. */
export class ZfsPool {
  readonly name: string;
  /** Everything of this pool is below it. */
  readonly folder: string;
  /** Where mount points are made. */
  readonly mounts: string;
  readonly #watchdog: ChildProcess | undefined;

  private constructor(name: string, folder: string, mounts: string, watchdog: ChildProcess | undefined) {
    this.name = name;
    this.folder = folder;
    this.mounts = mounts;
    this.#watchdog = watchdog;
  }

  static async make(options: PoolOptions = {}): Promise<ZfsPool> {
    const { sizeMiB = 256, folderName = "mounts", properties = [] } = options;
    const name = `btm-${randomBytes(6).toString("hex")}`;
    const folder = await mkdtemp(join(GUEST_FOLDER ?? tmpdir(), "btm-pool-"));
    const mounts = join(folder, folderName);
    const pool = new ZfsPool(name, folder, mounts, GUEST_FOLDER === undefined ? watch(name, folder) : undefined);
    options.onPool?.(pool);
    try {
      await mkdir(mounts);
      const file = join(folder, "image");
      const handle = await open(file, "w");
      await handle.truncate(sizeMiB * 1024 * 1024);
      await handle.close();
      const all = ["mountpoint=none", ...properties].flatMap((property) => ["-O", property]);
      await run("zpool", ["create", "-o", "cachefile=none", ...all, name, file]);
      return pool;
    } catch (error) {
      await pool.dispose();
      throw error;
    }
  }

  /** Makes a dataset, those above it as needed, and mounts it below {@link mounts}; returns its full name and place. */
  async makeDataset(
    path: string,
    mountName: string,
    properties: readonly string[] = [],
  ): Promise<{ readonly dataset: string; readonly mountPoint: string }> {
    const dataset = `${this.name}/${path}`;
    const mountPoint = join(this.mounts, mountName);
    const all = [`mountpoint=${mountPoint}`, ...properties].flatMap((property) => ["-o", property]);
    await run("zfs", ["create", "-p", ...all, dataset]);
    return { dataset, mountPoint };
  }

  /** Takes everything down. */
  async dispose(): Promise<void> {
    await killFixtures();
    if (!(await this.#takeDown())) throw new Error(`Something is left of the pool ${this.name} in ${this.folder}`);
  }

  async #takeDown(): Promise<boolean> {
    if (this.#watchdog === undefined) return takeDownPool(this.name, this.folder);
    const ended = once(this.#watchdog, "exit");
    this.#watchdog.stdin?.end();
    await ended;
    return this.#watchdog.exitCode === 0;
  }
}

function watch(name: string, folder: string): ChildProcess {
  return spawn(process.execPath, [WATCHDOG, name, folder], { detached: true, stdio: ["pipe", "ignore", "ignore"] });
}

const WATCHDOG = fileURLToPath(new URL("pool-watchdog.ts", import.meta.url));
