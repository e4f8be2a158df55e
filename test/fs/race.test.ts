import { afterAll, beforeAll, expect, it } from "vitest";

import { Btm } from "../../src/index.ts";
import { BtrfsImage } from "../support/btrfs-image.ts";
import { Fixture } from "../support/fixture.ts";
import type { LoopArgument, LoopResult } from "../support/fixtures/snapshot-loop.ts";
import { btrfsVolume } from "../support/volumes.ts";

let image: BtrfsImage;
beforeAll(async () => {
  image = await BtrfsImage.make();
});
afterAll(() => image.dispose());

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

async function race(volume: string, first: readonly number[], second: readonly number[]): Promise<LoopResult[]> {
  const racers = [first, second].map(
    (heights) => new Fixture("snapshot-loop", { volume, heights } satisfies LoopArgument),
  );
  for (const racer of racers) await racer.next();
  for (const racer of racers) racer.send("go");
  return Promise.all(racers.map(async (racer) => (await racer.next()) as LoopResult));
}

it.each([
  ["the same heights", upTo(60), upTo(60)],
  ["the same heights from both ends", upTo(60), upTo(60).reverse()],
  ["different heights", upTo(30), upTo(30).map((height) => height + 30)],
])("two processes that snapshot %s: every height once, and no failure", async (name, first, second) => {
  const volume = await btrfsVolume(image, name.replaceAll(" ", "-"), { isMounted: first === second });
  const results = await race(volume.path, first, second);
  expect(results.flatMap((result) => result.failed)).toEqual([]);
  const taken = results.flatMap((result) => result.taken).sort((a, b) => a - b);
  const all = [...new Set([...first, ...second])].sort((a, b) => a - b);
  expect(taken).toEqual(all);
  const listed = await new Btm({ volume: volume.path }).list();
  expect(listed.map((snapshot) => Number(snapshot.height))).toEqual(all);
  expect(listed.filter((snapshot) => snapshot.mark?.height !== String(snapshot.height))).toEqual([]);
});

it.each([
  ["a subvolume in a mounted directory", false],
  ["a mount point", true],
])("a process that snapshots %s while another rolls it back: neither fails, nothing is lost", async (_, isMounted) => {
  const volume = await btrfsVolume(image, `rolling-${String(isMounted)}`, { isMounted });
  const btm = new Btm({ volume: volume.path });
  volume.write("db", "at 1000");
  await btm.snapshot(1000);
  const heights = upTo(40);
  const racer = new Fixture("snapshot-loop", { volume: volume.path, heights } satisfies LoopArgument);
  await racer.next();
  racer.send("go");
  for (let i = 0; i < 8; i++) {
    await btm.rollback(1000);
    expect(volume.read("db"), `rollback ${String(i)}`).toBe("at 1000");
  }
  const { taken, failed } = (await racer.next()) as LoopResult;
  expect(failed).toEqual([]);
  expect(taken).toEqual(heights);
  expect(await btm.list()).toHaveLength(heights.length + 1);
});
