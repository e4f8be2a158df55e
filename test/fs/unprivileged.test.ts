import { chmodSync } from "node:fs";

import { afterAll, beforeAll, expect, it } from "vitest";

import { Btm } from "../../src/index.ts";
import { BtrfsImage } from "../support/btrfs-image.ts";
import { Fixture } from "../support/fixture.ts";
import type { Tried } from "../support/fixtures/unprivileged.ts";
import { btrfsVolume, type TestVolume } from "../support/volumes.ts";

let image: BtrfsImage;
beforeAll(async () => {
  image = await BtrfsImage.make();
  chmodSync(image.folder, 0o755);
});
afterAll(() => image.dispose());

async function tryAll(path: string): Promise<Record<string, Tried>> {
  const fixture = new Fixture("unprivileged", { path });
  const tried = (await fixture.next()) as Record<string, Tried>;
  await fixture.ended();
  return tried;
}

async function withHistory(folder: string, isMounted: boolean): Promise<TestVolume> {
  const volume = await btrfsVolume(image, folder, { isMounted });
  const btm = new Btm({ volume: volume.path });
  await btm.snapshot(10);
  await btm.rollback(10);
  await btm.pin(10);
  await volume.snapshotByHand(5);
  return volume;
}

const denied = { code: "PERMISSION_DENIED", hint: "Run it as root" };

it("someone without privilege can list a subvolume in a mounted directory, and change nothing", async () => {
  const volume = await withHistory("sibling", false);
  const before = volume.everything({ exact: true });
  const { list, ...changes } = await tryAll(volume.path);
  expect(list).toEqual({ heights: ["5", "10"] });
  for (const [name, tried] of Object.entries(changes)) {
    // Pinned is what the only one of ours is, so clean has nothing to do and is right to say so.
    if (name !== "clean") expect(tried, name).toEqual(denied);
  }
  expect(volume.everything({ exact: true })).toEqual(before);
});

it("someone without privilege cannot see what lies beside a mount point", async () => {
  const volume = await withHistory("mounted", true);
  const before = volume.everything({ exact: true });
  for (const [name, tried] of Object.entries(await tryAll(volume.path))) expect(tried, name).toEqual(denied);
  expect(volume.everything({ exact: true })).toEqual(before);
});

it("a volume that someone may not even look into", async () => {
  const volume = await withHistory("closed", false);
  chmodSync(volume.beside, 0o700);
  for (const [name, tried] of Object.entries(await tryAll(volume.path))) expect(tried, name).toEqual(denied);
});
