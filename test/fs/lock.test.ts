import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";

import { Btm } from "../../src/index.ts";
import { BtrfsImage } from "../support/btrfs-image.ts";
import { failureOf } from "../support/expect-code.ts";
import { Fixture } from "../support/fixture.ts";
import { btrfsVolume, type TestVolume } from "../support/volumes.ts";

let image: BtrfsImage;
let volume: TestVolume;
let holder: Fixture;
let made = 0;
beforeAll(async () => {
  image = await BtrfsImage.make();
});
afterAll(() => image.dispose());
beforeEach(async () => {
  volume = await btrfsVolume(image, `lock${String(made++)}`, { isMounted: made % 2 === 0 });
  await new Btm({ volume: volume.path }).snapshot(0);
  holder = new Fixture("lock-holder", { volume: volume.path, height: 10 });
  expect(await holder.next()).toBe("locked");
});
afterEach(() => holder.kill());

it("every change waits for the lock of another process, then says who has it, since when, and how long it waited", async () => {
  const btm = new Btm({ volume: volume.path, lockTimeoutMs: 50 });
  await volume.snapshotByHand(3);
  const calls = {
    snapshot: () => btm.snapshot(20),
    rollback: () => btm.rollback(0),
    clean: () => btm.clean(),
    adopt: () => btm.adopt(),
    pin: () => btm.pin(0),
    unpin: () => btm.unpin(0),
  };
  for (const [name, call] of Object.entries(calls)) {
    const start = Date.now();
    const { message, details } = await failureOf(call(), "LOCKED").catch((error: unknown) => {
      throw new Error(name, { cause: error });
    });
    expect(Date.now() - start).toBeGreaterThanOrEqual(49);
    expect(message).toContain(`process ${String(holder.child.pid)} (`);
    expect(message).toContain("lock-holder.ts");
    expect(message).toMatch(/, started \d{4}-\d\d-\d\dT[\d:.]+Z; waited \d+ ms$/);
    expect(details["pid"]).toBe(holder.child.pid);
    expect(Math.abs(Date.now() - new Date(String(details["since"])).getTime())).toBeLessThan(60_000);
    expect(details["waitedMs"]).toBeGreaterThanOrEqual(49);
  }
});

it("what changes nothing does not wait", async () => {
  const btm = new Btm({ volume: volume.path, lockTimeoutMs: 0 });
  expect((await btm.list()).map((snapshot) => snapshot.height)).toEqual([0n]);
  expect(await btm.snapshot(5)).toMatchObject({ taken: false, reason: "not-due" });
  expect(await btm.snapshot(20, { dryRun: true })).toMatchObject({ taken: true });
  expect((await btm.clean({ dryRun: true })).removed).toHaveLength(1);
});

it("a change goes on as soon as the other is done", async () => {
  const btm = new Btm({ volume: volume.path, lockTimeoutMs: 30_000 });
  const waiting = btm.snapshot(20);
  holder.send("");
  expect(await holder.next()).toEqual({ taken: true });
  expect(await waiting).toMatchObject({ taken: true, last: 10n });
});

it("the lock dies with a holder that is killed, and leaves no file behind", async () => {
  const btm = new Btm({ volume: volume.path, lockTimeoutMs: 30_000 });
  const waiting = btm.snapshot(20);
  await holder.kill();
  expect(await waiting).toMatchObject({ taken: true, last: 0n });
  await new Btm({ volume: volume.path, lockTimeoutMs: 0 }).clean();
  const names = volume.everything().map((line) => line.split(" ")[0]);
  expect(names).toEqual(['"."', '"data"']);
});

it("a signal ends the waiting", async () => {
  const stop = new AbortController();
  const btm = new Btm({ volume: volume.path, lockTimeoutMs: 30_000 });
  const waiting = btm.snapshot(20, { signal: stop.signal });
  stop.abort();
  await failureOf(waiting, "ABORTED");
  expect((await btm.list()).map((snapshot) => snapshot.height)).toEqual([0n]);
});

it("locks of two volumes of one file system have nothing to do with each other", async () => {
  const other = await btrfsVolume(image, `other${String(made)}`, { isMounted: false });
  expect(await new Btm({ volume: other.path, lockTimeoutMs: 0 }).snapshot(0)).toMatchObject({ taken: true });
});
