import { execFileSync } from "node:child_process";
import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, expect, it } from "vitest";

import { Btm } from "../../src/index.ts";
import { BtrfsImage } from "../support/btrfs-image.ts";
import { failureOf } from "../support/expect-code.ts";
import { run } from "../support/run.ts";

let image: BtrfsImage;
beforeAll(async () => {
  image = await BtrfsImage.make();
});
afterAll(() => image.dispose());

it("a loop device that shows a file of the volume is in the way of a rollback, and named", async () => {
  const volume = await image.makeSubvolume("with-loop");
  const btm = new Btm({ volume });
  await btm.snapshot(0);
  const file = join(volume, "disk of a guest");
  writeFileSync(file, "");
  truncateSync(file, 1024 * 1024);
  const device = (await run("losetup", ["--find", "--show", "--", file])).trim();
  try {
    const { message, details } = await failureOf(btm.rollback(), "BLOCKED");
    expect(message).toContain(`${device} shows the file`);
    expect(details["blockers"]).toMatchObject([{ kind: "loop-device" }]);
  } finally {
    await run("losetup", ["--detach", device]);
  }
  expect((await btm.rollback()).blockers).toEqual([]);
});

it("a snapshot of a snapshot is refused with what is wrong", async () => {
  const volume = await image.makeSubvolume("taken");
  await new Btm({ volume }).snapshot(0);
  const { message, hint } = await failureOf(new Btm({ volume: `${volume}@0` }).snapshot(1), "READ_ONLY");
  expect(message).toContain("is a read-only subvolume");
  expect(hint).toContain("Is it a snapshot itself?");
});

it("a mount whose subvolume was deleted is told as such", async () => {
  const path = await image.makeSubvolume("doomed");
  const mounted = await image.mountAt("doomed", "doomed");
  execFileSync("btrfs", ["subvolume", "delete", "--", path]);
  const { message } = await failureOf(new Btm({ volume: mounted }).list(), "VOLUME_MISSING");
  expect(message).toContain("has been deleted, only the mount is left");
  await run("umount", ["--", mounted]);
});
