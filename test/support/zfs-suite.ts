import { execFileSync } from "node:child_process";
import { join } from "node:path";

import { afterAll, afterEach, beforeAll } from "vitest";

import { readMounts } from "../../src/sys/mounts.ts";
import { quickRun } from "./quick-run.ts";
import type { TestVolume } from "./volumes.ts";
import { ZfsPool, type PoolOptions } from "./zfs-pool.ts";
import { zfsVolume } from "./zfs-volumes.ts";

/** A dataset of a test, which btm is given by its name. */
export interface Dataset extends TestVolume {
  readonly dataset: string;
}

export interface Suite {
  readonly pool: ZfsPool;
  /** A new dataset, mounted unless its properties keep it from that. */
  fresh(properties?: readonly string[]): Promise<Dataset>;
}

/** One pool for the tests of a file. */
export function zfsSuite(options: PoolOptions = {}): Suite {
  let current: ZfsPool | undefined;
  let made = 0;
  const pool = (): ZfsPool => {
    if (current === undefined) throw new TypeError("No test is running");
    return current;
  };
  beforeAll(async () => {
    current = await ZfsPool.make(options);
  });
  afterAll(() => current?.dispose());
  return {
    get pool() {
      return pool();
    },
    fresh: async (properties) => {
      const name = `data${String(made++)}`;
      const [dataset, mountPoint] = [`${pool().name}/${name}`, join(pool().mounts, name)];
      const all = [`mountpoint=${mountPoint}`, ...(properties ?? [])].flatMap((property) => ["-o", property]);
      await zfs("create", ...all, dataset);
      return { ...zfsVolume(dataset, mountPoint, "name"), dataset };
    },
  };
}

export interface Undo {
  /** Takes what has to be put back. */
  (step: () => Promise<unknown>): void;
  /** Puts it all back, the last first. */
  all(): Promise<void>;
}

/** What a test has to put back, which is done after it whether it failed or not. */
export function undoing(): Undo {
  const steps: (() => Promise<unknown>)[] = [];
  const all = async (): Promise<void> => {
    for (const step of steps.splice(0).reverse()) await step();
  };
  afterEach(all);
  return Object.assign((step: () => Promise<unknown>) => void steps.push(step), { all });
}

export function zfs(...args: readonly string[]): Promise<string> {
  return quickRun("zfs", args);
}

/** The same, while everything else stands still. */
export function zfsNow(...args: readonly string[]): string {
  return execFileSync("zfs", args, { encoding: "utf8" });
}

/** Where and how a dataset and its snapshots are mounted. */
export function mountsOf(dataset: string): string[] {
  return readMounts()
    .filter(({ source }) => source === dataset || source.startsWith(`${dataset}@`))
    .map(({ source, root, mountPoint, options }) => [source, root, mountPoint, ...[...options].sort()].join(" "));
}

/** Everything of a volume that btm could have changed. What the kernel has mounted below .zfs stays so for a while. */
export function stateOf(volume: Dataset): string[] {
  const mounts = mountsOf(volume.dataset).filter((mount) => mount.startsWith(`${volume.dataset} `));
  return [...volume.everything({ exact: true }), ...mounts];
}
