import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { Btm } from "../../src/index.ts";
import { BtrfsImage } from "../support/btrfs-image.ts";
import { failureOf } from "../support/expect-code.ts";
import { run } from "../support/run.ts";
import { btrfsVolume } from "../support/volumes.ts";

let image: BtrfsImage;
beforeAll(async () => {
  image = await BtrfsImage.make();
});
afterAll(() => image.dispose());

async function expectOnlyLists(path: string): Promise<void> {
  const btm = new Btm({ volume: path });
  expect((await btm.list()).map((snapshot) => snapshot.height)).toEqual([5n, 10n]);
  expect((await btm.clean({ dryRun: true })).removed).toHaveLength(1);
  const changes = {
    snapshot: () => btm.snapshot(20),
    rollback: () => btm.rollback(10),
    adopt: () => btm.adopt().then(({ failed }) => Promise.reject(failed[0]?.error ?? new Error("adopted"))),
    clean: () => btm.clean().then(({ failed }) => Promise.reject(failed[0]?.error ?? new Error("cleaned"))),
    pin: () => btm.pin(10),
  };
  for (const [name, change] of Object.entries(changes)) {
    const { hint } = await failureOf(change(), "READ_ONLY").catch((error: unknown) => {
      throw new Error(name, { cause: error });
    });
    expect(hint).toContain("Mount it read-write");
  }
  expect((await btm.list()).map((snapshot) => snapshot.height)).toEqual([5n, 10n]);
}

describe.each([
  ["a subvolume in a mounted directory", false],
  ["a mount point", true],
])("%s", (_, isMounted) => {
  const folder = `ro-${String(isMounted)}`;

  it("whose mount is read-only is listed, and nothing else", async () => {
    const volume = await btrfsVolume(image, folder, { isMounted });
    await new Btm({ volume: volume.path }).snapshot(10);
    await volume.snapshotByHand(5);
    const mountPoint = isMounted ? volume.path : image.top;
    await run("mount", ["-o", "remount,bind,ro", "--", mountPoint]);
    try {
      await expectOnlyLists(volume.path);
    } finally {
      await run("mount", ["-o", "remount,bind,rw", "--", mountPoint]);
    }
    expect(await new Btm({ volume: volume.path }).snapshot(20)).toMatchObject({ taken: true });
  });

  it("on a file system that is read-only as a whole is listed, and nothing else", async () => {
    const own = await BtrfsImage.make({ sizeMiB: 128 });
    try {
      const volume = await btrfsVolume(own, folder, { isMounted });
      await new Btm({ volume: volume.path }).snapshot(10);
      await volume.snapshotByHand(5);
      // As the kernel does it after an error.
      await run("mount", ["-o", "remount,ro", "--", own.top]);
      await expectOnlyLists(volume.path);
    } finally {
      await own.dispose();
    }
  });
});
