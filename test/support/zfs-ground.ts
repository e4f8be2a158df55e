import { existsSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import { expect } from "vitest";

import { Btm } from "../../src/index.ts";
import { readMounts } from "../../src/sys/mounts.ts";
import { bundleFixture } from "./bundle-fixture.ts";
import { exportPool } from "./export-pool.ts";
import type { Ground, History } from "./ground.ts";
import { Operators } from "./operators.ts";
import { run } from "./run.ts";
import type { TestVolume } from "./volumes.ts";
import { ZfsPool } from "./zfs-pool.ts";
import { zfsVolume } from "./zfs-volumes.ts";
import { zfsWorldOf } from "./zfs-world.ts";

/** What is set on each volume: a switch must take it along. */
const SET = ["quota=200M", "compression=gzip-1", 'org.example:words=two\nlines, a\ttab and "quotes"'];

/**
 * Each history has a pool of its own making, whose image is kept: to import a copy of it takes a second, where what it has
 * been through takes ten. So there is one volume at a time.
 */
export function zfsGround(): Ground {
  let pool: ZfsPool | undefined;
  let operators: Operators | undefined;
  const kept = new Map<History, TestVolume>();
  return {
    recoveryDoesAll: false,
    open: async () => {
      pool = await ZfsPool.make({ sizeMiB: 96 });
      operators = new Operators([], await bundleFixture("operate", pool.folder));
    },
    fresh: async (history) => {
      if (pool === undefined) throw new TypeError("The ground is not open");
      const { name, folder } = pool;
      const image = join(folder, "image");
      const empty = join(folder, "empty");
      if (kept.size === 0 && !existsSync(empty)) await keep(name, image, empty);
      const known = kept.get(history);
      const number = known === undefined ? kept.size : [...kept.keys()].indexOf(history);
      const saved = join(folder, `image-${String(number)}`);
      exportPool(name, "-f");
      await copyFile(known === undefined ? empty : saved, image);
      await importFrom(name, image);
      if (known !== undefined) {
        await mountClones(known);
        return known;
      }
      const { dataset, mountPoint } = await pool.makeDataset("parent/data", "data", SET);
      await run("zfs", ["allow", "everyone", "snapshot,mount", dataset]);
      const volume = zfsVolume(dataset, mountPoint, "name");
      await history(new Btm({ volume: dataset, itv: 10 }), volume);
      await keep(name, image, saved);
      kept.set(history, volume);
      return volume;
    },
    worldOf: (volume) => zfsWorldOf(volume, dirname(volume.volume)),
    // Unmounted, or between two names: a dataset is whole all the same.
    expectLive: (volume, either, where) => {
      const isMounted = readMounts().some(({ mountPoint }) => mountPoint === volume.path);
      if (isMounted) expect(either, `live at once, ${where}`).toContainEqual(volume.live());
      return Promise.resolve();
    },
    run: async (work) => {
      if (operators === undefined) throw new TypeError("The ground is not open");
      return operators.run(work);
    },
    close: async () => {
      await operators?.close();
      await pool?.dispose();
    },
  };
}

/** Exported it is whole. */
async function keep(pool: string, image: string, copy: string): Promise<void> {
  exportPool(pool);
  await copyFile(image, copy);
  await importFrom(pool, image);
}

async function importFrom(pool: string, image: string): Promise<void> {
  await run("zpool", ["import", "-o", "cachefile=none", "-d", image, pool]);
}

/** An import mounts none. */
async function mountClones({ volume }: TestVolume): Promise<void> {
  const btm = new Btm({ volume });
  for (const { height, path } of await btm.clones()) if (path === undefined) await btm.open(height);
}
