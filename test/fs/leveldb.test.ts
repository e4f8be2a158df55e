import { join } from "node:path";

import { ClassicLevel } from "classic-level";
import { afterAll, beforeAll, expect, it } from "vitest";

import { Btm } from "../../src/index.ts";
import { BtrfsImage } from "../support/btrfs-image.ts";
import { Fixture } from "../support/fixture.ts";
import { run } from "../support/run.ts";
import { btrfsVolume } from "../support/volumes.ts";

let image: BtrfsImage;
beforeAll(async () => {
  image = await BtrfsImage.make({ sizeMiB: 1024 });
});
afterAll(() => image.dispose());

/** Opens it, reads all of it with checksums, and returns the number of its records: a prefix of what was written. */
async function readWhole(location: string): Promise<number> {
  const db = new ClassicLevel<string, string>(location, { createIfMissing: false, paranoidChecks: true } as object);
  await db.open();
  let next = 0;
  let newest = "";
  for await (const [key, value] of db.iterator()) {
    if (key === "newest") {
      newest = value;
      continue;
    }
    expect(key).toBe(`record ${String(next).padStart(12, "0")}`);
    expect(value).toBe(String(next).padEnd(200, "."));
    next++;
  }
  await db.close();
  // A batch is whole or not there.
  expect(newest).toBe(next === 0 ? "" : String(next - 1));
  return next;
}

it("a LevelDB under load opens from each of 20 hot snapshots, with everything it had acknowledged", async () => {
  const volume = await btrfsVolume(image, "leveldb", { isMounted: false });
  const btm = new Btm({ volume: volume.path, itv: 1 });
  const writer = new Fixture("leveldb-writer", { location: join(volume.path, "db") });
  let synced = -1;
  const heard = async (): Promise<void> => {
    ({ synced } = (await writer.next()) as { synced: number });
  };
  await heard();
  const promised: number[] = [];
  for (let height = 0; height < 20; height++) {
    // Goes on between two snapshots, so that no two are of the same state.
    for (let i = 0; i < 4; i++) await heard();
    promised.push(synced);
    expect(await btm.snapshot(height)).toMatchObject({ taken: true });
  }
  await writer.kill();

  let last = 0;
  for (const [height, atLeast] of promised.entries()) {
    const copy = join(image.top, "leveldb", "copy");
    await run("btrfs", ["subvolume", "snapshot", volume.snapshotPath(height), copy]);
    const records = await readWhole(join(copy, "db"));
    expect(records, `snapshot ${String(height)}`).toBeGreaterThan(atLeast);
    expect(records, `snapshot ${String(height)}`).toBeGreaterThanOrEqual(last);
    last = records;
    await run("btrfs", ["subvolume", "delete", copy]);
  }

  await btm.rollback(10);
  expect(await readWhole(join(volume.path, "db"))).toBeGreaterThan(promised[10] ?? Infinity);
});
