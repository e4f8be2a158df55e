import { execFileSync } from "node:child_process";
import { readFileSync, statfsSync } from "node:fs";

import { DISK_SIZE, diskOf, inMemory } from "./memory-disk.ts";
import { run } from "./run.ts";
import { ZfsPool } from "./zfs-pool.ts";

/** A pool whose disk can be made to refuse writes, which suspends it, and to take them again. */
export class FailingPool {
  readonly pool: ZfsPool;
  readonly #disk: string;

  private constructor(pool: ZfsPool) {
    this.pool = pool;
    this.#disk = diskOf(pool.folder);
  }

  static async make(): Promise<FailingPool> {
    return new FailingPool(await ZfsPool.make(inMemory));
  }

  /** From now on the disk takes no write to a place that was never written. Synchronous, to be called from a step. */
  fail(): void {
    for (;;) {
      const { bsize, blocks, bfree } = statfsSync(this.#disk);
      try {
        const size = `size=${String((blocks - bfree) * bsize)}`;
        execFileSync("mount", ["-o", `remount,${size}`, this.#disk], { stdio: "pipe" });
        return;
      } catch (error) {
        // Something was written meanwhile, and a file system cannot be made smaller than what is in it.
        const { bfree: left } = statfsSync(this.#disk);
        if (left === bfree) throw error;
      }
    }
  }

  /** Whether the kernel has stopped all of its input and output. */
  isSuspended(): boolean {
    return readFileSync(`/proc/spl/kstat/zfs/${this.pool.name}/state`, "utf8").trim() === "SUSPENDED";
  }

  /** The disk takes writes again, and the pool goes on. */
  async mend(): Promise<void> {
    await run("mount", ["-o", `remount,size=${String(DISK_SIZE)}`, this.#disk]);
    await run("zpool", ["clear", this.pool.name]);
  }

  /** Takes everything down. */
  async dispose(): Promise<void> {
    await this.mend();
    await this.pool.dispose();
  }
}
