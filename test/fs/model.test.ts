import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { lifeOf, live } from "../model/random-life.ts";
import { BtrfsImage } from "../support/btrfs-image.ts";
import { btrfsVolume } from "../support/volumes.ts";

let image: BtrfsImage;
let made = 0;
beforeAll(async () => {
  image = await BtrfsImage.make({ sizeMiB: 1000 });
});
afterAll(() => image.dispose());

describe.each([
  ["a subvolume in a mounted directory", false],
  ["a mount point", true],
])("%s", (_, isMounted) => {
  it("is what a model of it says, whatever is done to it in 50 steps", { timeout: 600_000 }, async () => {
    const property = fc.asyncProperty(lifeOf(50), async (deeds) => {
      const volume = await btrfsVolume(image, `model${String(made++)}`, { isMounted });
      const done = await live(volume, deeds, { clonesNeedTheirSnapshot: false });
      expect(done.size, "every kind of deed was done").toBe(11);
    });
    // A smaller example of a failure would take hours to find: the seed is printed, and gives the same life again.
    await fc.assert(property, { numRuns: process.env["BTM_TEST_LONG"] === undefined ? 2 : 10, endOnFailure: true });
  });
});
