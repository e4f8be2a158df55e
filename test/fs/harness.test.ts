import { existsSync } from "node:fs";

import { expect, it } from "vitest";

import { BtrfsImage } from "../support/btrfs-image.ts";
import { Fixture } from "../support/fixture.ts";
import type { ImageMaker } from "../support/fixtures/image-maker.ts";
import { loopDevicesOf, mountsBelow } from "../support/sweep.ts";

/** Waits for a condition that another process brings about. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  await expect.poll(condition, { timeout: 20_000, interval: 20 }).toBe(true);
}

async function isAllGone(folder: string): Promise<boolean> {
  const left = [...(await mountsBelow(folder)), ...(await loopDevicesOf(folder))];
  return left.length === 0 && !existsSync(folder);
}

it("a test that ends leaves no mount, loop device or folder behind", async () => {
  const image = await BtrfsImage.make({ folderName: "-odd\n näme" });
  await image.makeSubvolume("data");
  await image.mountAt("data", "data");
  expect(await mountsBelow(image.folder)).toHaveLength(2);
  expect(await loopDevicesOf(image.folder)).toEqual([image.device]);
  await image.dispose();
  expect(await isAllGone(image.folder)).toBe(true);
});

it.each(["SIGKILL", "SIGINT", "SIGTERM"] as const)(
  "a test that is ended by %s leaves nothing behind, stacked mounts and odd names included",
  async (signal) => {
    const maker = new Fixture("image-maker", {});
    const { folder } = (await maker.next()) as ImageMaker;
    expect(await mountsBelow(folder)).toHaveLength(4);
    maker.child.kill(signal);
    await maker.ended();
    await until(() => isAllGone(folder));
  },
);

it("a test that is killed at any moment of making the image leaves nothing behind", async () => {
  for (let killAfterMs = 0; killAfterMs <= 60; killAfterMs += 20) {
    const maker = new Fixture("image-maker", { killAfterMs });
    const { folder } = (await maker.next()) as ImageMaker;
    await maker.ended();
    await until(() => isAllGone(folder));
  }
});
