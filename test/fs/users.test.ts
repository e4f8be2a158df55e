import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
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

it("an active swap file in the volume is in the way of a rollback, and named", async () => {
  const volume = await image.makeSubvolume("with-swap");
  const btm = new Btm({ volume });
  await btm.snapshot(0);
  const file = join(volume, "swap");
  writeFileSync(file, "");
  // Neither copied on write nor sparse, or Btrfs does not take it (btrfs(5), SWAPFILE SUPPORT).
  await run("chattr", ["+C", file]);
  await run("fallocate", ["-l", "1M", file]);
  await run("chmod", ["600", file]);
  await run("mkswap", [file]);
  await run("swapon", [file]);
  try {
    const { message, details } = await failureOf(btm.rollback(), "BLOCKED");
    expect(message).toContain(`"${file}" in it is an active swap file`);
    expect(details["blockers"]).toMatchObject([{ kind: "swap-file" }]);
  } finally {
    await run("swapoff", [file]);
  }
  expect((await btm.rollback()).blockers).toEqual([]);
});

it("a btrfs send of a snapshot is in the way of destroying it, and named", async () => {
  const volume = await image.makeSubvolume("sent");
  const btm = new Btm({ volume });
  await btm.snapshot(0);
  writeFileSync(join(volume, "more than a pipe holds"), Buffer.alloc(1024 * 1024, "x"));
  await btm.snapshot(10);
  const sending = spawn("btrfs", ["send", "-q", `${volume}@10`], { stdio: ["ignore", "pipe", "ignore"] });
  const ended = once(sending, "exit");
  try {
    await once(sending.stdout, "readable");
    const { message } = await failureOf(btm.rollback(0, { discardNewer: true }), "BLOCKED");
    expect(message).toContain(`process ${String(sending.pid)} `);
    // Kept aside it can be sent on.
    expect((await btm.rollback(0, { dryRun: true })).blockers).toEqual([]);
  } finally {
    sending.kill();
    await ended;
  }
  expect((await btm.rollback(0, { discardNewer: true })).destroyed).toHaveLength(1);
});

it("another btm at work is told in a plan, which does not wait", async () => {
  const volume = await image.makeSubvolume("locked");
  const btm = new Btm({ volume });
  await btm.snapshot(0);
  const holder = spawn("flock", ["--exclusive", volume, "sh", "-c", "echo locked; exec cat"], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  await once(holder.stdout, "data");
  const { blockers } = await btm.rollback(0, { dryRun: true });
  holder.stdin.end();
  await once(holder, "exit");
  expect(blockers.map(({ kind }) => kind)).toContain("locked");
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
