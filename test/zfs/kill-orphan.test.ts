import { expect, it, onTestFinished } from "vitest";

import { Btm } from "../../src/index.ts";
import { failureOf } from "../support/expect-code.ts";
import { Fixture } from "../support/fixture.ts";
import type { Operation, Work } from "../support/fixtures/operate.ts";
import { WaitingZfs } from "../support/waiting-zfs.ts";
import { killSuite } from "../support/zfs-kill-suite.ts";
import { Survivor } from "../support/zfs-survivor.ts";

const suite = killSuite();

/** Kills btm while a command that it has started has not done its work yet; the command works on once it is let go. */
async function killWhile(
  call: readonly [string, number],
  survivor: Survivor,
  operation: Operation,
): Promise<WaitingZfs> {
  const zfs = await WaitingZfs.make(suite.pool().folder, ...call);
  onTestFinished(() => {
    zfs.close();
  });
  const operator = new Fixture("operate", null, { bundle: suite.bundle() });
  expect(await operator.next()).toBe("warm");
  operator.send({ volume: survivor.mountPoint, operation, zfsCommand: zfs.path } satisfies Work);
  const orphan = await zfs.waiting();
  await operator.kill();

  const impatient = new Btm({ volume: survivor.dataset, lockTimeoutMs: 1 });
  const { message, details } = await failureOf(impatient.snapshot(survivor.nextHeight()), "LOCKED");
  expect(details).toMatchObject({ pid: orphan });
  expect(message).toContain(`process ${String(orphan)} (/bin/sh ${zfs.path} `);
  return zfs;
}

it("killed while its zfs snapshot runs: that is finished first, and the next snapshot waits for it", async () => {
  const survivor = await Survivor.make(suite.pool(), "snapshot");
  const before = await survivor.look();
  const height = survivor.nextHeight();
  const zfs = await killWhile(["snapshot", 1], survivor, { kind: "snapshot", height });
  expect(await survivor.look()).toEqual(before);

  const next = survivor.nextHeight();
  const waiting = survivor.btm.path.snapshot(next);
  zfs.letGo();
  expect(await waiting).toMatchObject({ taken: true, last: BigInt(height), recovered: [] });
  const { snapshots } = await survivor.look();
  expect(snapshots.map((one) => [one.height, one.isMarked])).toContainEqual([height, true]);
});

it("killed while its rollback runs: that is finished first, and the next command finishes the rest", async () => {
  const survivor = await Survivor.make(suite.pool(), "rollback");
  const before = await survivor.grow(2);
  // The first is the check.
  const zfs = await killWhile(["program", 2], survivor, { kind: "rollback", height: 0, discardNewer: true });
  expect(await survivor.look()).toEqual({ ...before, hasJournal: true, live: undefined });

  const height = survivor.nextHeight();
  const waiting = survivor.btm.path.snapshot(height);
  zfs.letGo();
  expect(await waiting).toMatchObject({ taken: true, recovered: ["Finished the interrupted rollback to 0"] });
  const { snapshots, ...rest } = await survivor.look();
  expect(rest).toEqual({ hasJournal: false, live: before.live && { ...before.live, files: survivor.first } });
  expect(snapshots.map((one) => one.height)).toEqual([0, height]);
});
