import { execFileSync } from "node:child_process";

import { afterAll, beforeAll, expect, it } from "vitest";

import { Btm } from "../../src/index.ts";
import { BtrfsImage } from "../support/btrfs-image.ts";

let image: BtrfsImage;
beforeAll(async () => {
  image = await BtrfsImage.make();
});
afterAll(() => image.dispose());

it("a commit between the mark and the snapshot, of whoever syncs the disk, makes it no stranger", async () => {
  const volume = await image.makeSubvolume("synced");
  const onStep = (step: string, when: string): void => {
    if (step === "set mark" && when === "after") execFileSync("btrfs", ["filesystem", "sync", "--", volume]);
  };
  const btm = new Btm({ volume, itv: 1 }, { onStep });
  await btm.snapshot(0);
  expect((await btm.list()).map(({ mark }) => mark?.height)).toEqual(["0"]);
  expect((await btm.clean()).removed).toHaveLength(1);
});
