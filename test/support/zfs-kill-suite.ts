import { afterAll, beforeAll, expect } from "vitest";

import { bundleFixture } from "./bundle-fixture.ts";
import type { Work } from "./fixtures/operate.ts";
import { Operators } from "./operators.ts";
import { run } from "./run.ts";
import { Survivor } from "./zfs-survivor.ts";
import { ZfsPool } from "./zfs-pool.ts";

/** An operation, and whether it is given the volume by its path or name. */
export interface Deadly extends Pick<Work, "operation" | "cap"> {
  readonly by: "name" | "path";
}

export interface KillSuite {
  readonly pool: () => ZfsPool;
  /** The bundle of the operator. */
  readonly bundle: () => string;
  /** Runs an operation whose calls of onStep are known, and kills it at one of them. */
  readonly kill: (survivor: Survivor, what: Deadly, steps: readonly string[], killAt: number) => Promise<void>;
}

/** A pool and operators for the kill tests of a file. */
export function killSuite(): KillSuite {
  let pool: ZfsPool;
  let bundle: string;
  let operators: Operators | undefined;
  beforeAll(async () => {
    pool = await ZfsPool.make();
    bundle = await bundleFixture("operate", pool.folder);
    operators = new Operators([], bundle);
  });
  afterAll(async () => {
    await operators?.close();
    await pool.dispose();
  });
  return {
    pool: () => pool,
    bundle: () => bundle,
    kill: async (survivor, { by, ...work }, steps, killAt) => {
      survivor.forget();
      const volume = by === "name" ? survivor.dataset : survivor.mountPoint;
      const outcome = await operators?.run({ ...work, volume, killAt });
      expect(outcome).toEqual({ wasKilled: true, steps: steps.slice(0, killAt + 1), recovered: [] });
    },
  };
}

/**
 * The volume of a group of tests. One that a failed test has left behind is not used again.
 *
 * @param make makes another one
 */
export function survivorOf(
  make: (number: number) => Promise<Survivor>,
): (use: (survivor: Survivor) => Promise<void>) => Promise<void> {
  let made = 0;
  let ready: Survivor | undefined;
  return async (use) => {
    const survivor = ready ?? (await make(made++));
    ready = undefined;
    await use(survivor);
    ready = survivor;
  };
}

/** A volume that is mounted by mount(8), with options of its own. */
export async function legacySurvivor(pool: ZfsPool, name: string): Promise<Survivor> {
  const survivor = await Survivor.make(pool, name);
  await run("zfs", ["set", "mountpoint=legacy", survivor.dataset]);
  await run("mount", ["-t", "zfs", "-o", "noatime,nosuid", "--", survivor.dataset, survivor.mountPoint]);
  return survivor;
}

/** The calls of onStep of a step. */
export function both(step: string): string[] {
  return [`before ${step}`, `after ${step}`];
}
