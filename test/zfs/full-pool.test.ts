import { closeSync, openSync, truncateSync, writeSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";

import { Btm } from "../../src/index.ts";
import { failureOf } from "../support/expect-code.ts";
import { manifestOf } from "../support/manifest.ts";
import { inMemory } from "../support/memory-disk.ts";
import { run } from "../support/run.ts";
import type { TestVolume } from "../support/volumes.ts";
import { ZfsPool } from "../support/zfs-pool.ts";
import { zfsVolume } from "../support/zfs-volumes.ts";

const MIB = 1024 * 1024;

let pool: ZfsPool;
let ballast: string;
beforeAll(async () => {
  // Of its 64 MiB 24 can be filled.
  pool = await ZfsPool.make({ ...inMemory, properties: ["compression=off"] });
  ballast = join((await pool.makeDataset("ballast", "ballast")).mountPoint, "ballast");
});
afterAll(() => pool.dispose());
beforeEach(async () => {
  await empty(ballast);
});

async function makeVolume(name: string, properties: readonly string[] = []): Promise<TestVolume> {
  const { dataset, mountPoint } = await pool.makeDataset(name, name, properties);
  return zfsVolume(dataset, mountPoint, "name");
}

function btmOf({ volume }: TestVolume): Btm {
  return new Btm({ volume, itv: 1, cap: 1000 });
}

async function grow(volume: TestVolume, heights: readonly number[]): Promise<void> {
  for (const height of heights) {
    volume.write("db", `at ${String(height)} `.repeat(100_000));
    await btmOf(volume).snapshot(height);
  }
  volume.write("db", "live ".repeat(100_000));
}

/** Writes until not even a transaction later there is room for one more block. */
async function fill(file: string): Promise<void> {
  const fd = openSync(file, "a");
  try {
    for (let written = 1; written > 0;) {
      written = append(fd, MIB) + append(fd, 4096);
      await run("zpool", ["sync", pool.name]);
    }
  } finally {
    closeSync(fd);
  }
}

/** Writes blocks until one is refused; how many bytes that was. */
function append(fd: number, size: number): number {
  for (let written = 0; ;) {
    try {
      written += writeSync(fd, Buffer.alloc(size, "x"));
    } catch (error) {
      // EDQUOT has no name in Node.
      expect(error).toMatchObject({ errno: expect.toSatisfy((errno) => errno === -28 || errno === -122) as number });
      return written;
    }
  }
}

async function empty(file: string): Promise<void> {
  closeSync(openSync(file, "a"));
  truncateSync(file);
  await run("zpool", ["sync", pool.name]);
}

it("on a full pool a snapshot is refused, and clean works and makes room for it", async () => {
  const volume = await makeVolume("cleaned");
  await grow(volume, [0, 1, 2]);
  await fill(ballast);
  const before = volume.everything({ exact: true });
  const { message, hint } = await failureOf(btmOf(volume).snapshot(3), "NO_SPACE");
  expect([message, hint]).toEqual([expect.stringContaining("no space is left"), expect.stringContaining("btm clean")]);
  expect(volume.everything({ exact: true })).toEqual(before);
  const { removed, failed } = await btmOf(volume).clean({ kept: 1 });
  expect([removed.map(({ height }) => height), failed]).toEqual([[0n, 1n], []]);
  expect(await btmOf(volume).snapshot(3)).toMatchObject({ taken: true });
});

it("on a full pool a rollback works", async () => {
  const volume = await makeVolume("rolled back");
  await grow(volume, [0, 1, 2]);
  const then = manifestOf(volume.snapshotPath(1));
  await fill(ballast);
  await failureOf(btmOf(volume).snapshot(3), "NO_SPACE");
  expect((await btmOf(volume).rollback(1, { discardNewer: true })).destroyed.map(({ height }) => height)).toEqual([2n]);
  expect(volume.live()).toEqual(then);
});

it("in a full quota a snapshot, a rollback and clean work, and clean makes room to write", async () => {
  const volume = await makeVolume("quota", ["quota=8M"]);
  await grow(volume, [0, 1]);
  const then = manifestOf(volume.snapshotPath(1));
  const file = join(volume.path, "more");
  await fill(file);
  expect(await btmOf(volume).snapshot(2)).toMatchObject({ taken: true });
  await btmOf(volume).rollback(1, { discardNewer: true });
  expect(volume.live()).toEqual(then);
  await fill(file);
  expect((await btmOf(volume).clean()).failed).toEqual([]);
  await run("zpool", ["sync", pool.name]);
  volume.write("more", "x".repeat(MIB / 4));
});

it("without room for its reservation a volume has neither snapshot nor rollback, and stays as it is", async () => {
  const volume = await makeVolume("reserved", ["refreservation=16M"]);
  await grow(volume, [0]);
  volume.write("more", "x".repeat(12 * MIB));
  await run("zpool", ["sync", pool.name]);
  const before = volume.everything({ exact: true });
  await failureOf(btmOf(volume).snapshot(1), "NO_SPACE");
  const { message, hint } = await failureOf(btmOf(volume).rollback(0, { discardNewer: true }), "BLOCKED");
  expect([message, hint]).toEqual([expect.stringContaining("reservation"), expect.stringContaining("refreservation")]);
  expect(volume.everything({ exact: true })).toEqual(before);
  await run("zfs", ["set", "refreservation=none", volume.volume]);
  await btmOf(volume).rollback(0, { discardNewer: true });
  expect(volume.read("db")).toMatch(/^at 0/);
});
