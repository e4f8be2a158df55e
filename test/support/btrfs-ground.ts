import { expect } from "vitest";

import { Btm } from "../../src/index.ts";
import { bundleFixture } from "./bundle-fixture.ts";
import { BtrfsImage } from "./btrfs-image.ts";
import type { Ground } from "./ground.ts";
import { Operators } from "./operators.ts";
import { btrfsVolume } from "./volumes.ts";
import { worldOf } from "./worlds.ts";

/** @param isMounted whether the volume is a mount point itself */
export function btrfsGround(isMounted: boolean): Ground {
  let operators: Operators | undefined;
  let image: BtrfsImage | undefined;
  let made = 0;
  return {
    recoveryDoesAll: true,
    open: async () => {
      image = await BtrfsImage.make({ sizeMiB: 1000 });
      // A process from one file starts in half the time.
      operators = new Operators([], await bundleFixture("operate", image.folder));
    },
    fresh: async (history) => {
      if (image === undefined) throw new TypeError("The ground is not open");
      const volume = await btrfsVolume(image, `killed${String(made++)}`, { isMounted });
      await history(new Btm({ volume: volume.volume, itv: 10 }), volume);
      return volume;
    },
    worldOf: (volume) => worldOf(volume),
    // At every instant there is a whole one.
    expectLive: (volume, either, where) => {
      expect(either, `live at once, ${where}`).toContainEqual(volume.live());
      return Promise.resolve();
    },
    run: async (work) => {
      if (operators === undefined) throw new TypeError("The ground is not open");
      return operators.run(work);
    },
    close: async () => {
      await operators?.close();
      await image?.dispose();
    },
  };
}
