import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it, type TestContext } from "vitest";

import { Btm, type BtmDeps, isBtmError } from "../../src/index.ts";
import { failureOf } from "../support/expect-code.ts";
import { FailingPool } from "../support/failing-pool.ts";
import { run } from "../support/run.ts";

interface Volume {
  readonly disk: FailingPool;
  readonly dataset: string;
  readonly mountPoint: string;
}

/** With a snapshot at 10, and written to since. */
async function makeVolume({ onTestFinished }: TestContext): Promise<Volume> {
  const disk = await FailingPool.make();
  onTestFinished(() => disk.dispose());
  const { dataset, mountPoint } = await disk.pool.makeDataset("data", "data");
  writeFileSync(join(mountPoint, "db"), "ten");
  await new Btm({ volume: dataset }).snapshot(10);
  writeFileSync(join(mountPoint, "db"), "live");
  return { disk, dataset, mountPoint };
}

/** Gives up long before the tests do, and no sooner than a busy machine needs for a command that ends. */
function impatient({ dataset }: Volume, onStep: BtmDeps["onStep"] = () => undefined): Btm {
  return new Btm({ volume: dataset }, { commandTimeoutMs: 5000, onStep });
}

function failAt({ disk }: Volume, wanted: string): NonNullable<BtmDeps["onStep"]> {
  return (step, when) => {
    if (`${when} ${step}` === wanted) disk.fail();
  };
}

/** No call waits for a pool that is suspended. */
async function expectRefusals(...volumes: readonly string[]): Promise<void> {
  for (const volume of volumes) {
    const btm = new Btm({ volume, mode: "zfs", lockTimeoutMs: 100 });
    await failureOf(btm.list(), "POOL_SUSPENDED");
    await failureOf(btm.snapshot(1000), "POOL_SUSPENDED");
    const end = await btm.rollback(undefined, { discardNewer: true }).catch((error: unknown) => error);
    expect(["POOL_SUSPENDED", "LOCKED"]).toContain(isBtmError(end) ? end.code : end);
  }
}

/** Everything is well again: what was left is finished, nothing is left of a rollback, and a snapshot can be taken. */
async function expectHealth({ dataset, mountPoint }: Volume, live: string): Promise<readonly string[]> {
  const { taken, recovered } = await new Btm({ volume: dataset }).snapshot(1000);
  expect([taken, readFileSync(join(mountPoint, "db"), "utf8")]).toEqual([true, live]);
  expect(await run("zfs", ["get", "-Hp", "-o", "value", "mounted,btm:rollback", dataset])).toBe("yes\n-\n");
  return recovered;
}

// At once: most of the time of each is waiting.
describe.concurrent("a pool that is suspended", () => {
  it("while a snapshot is taken: it is given up, and is there once the pool goes on", async (test) => {
    const volume = await makeVolume(test);
    const btm = impatient(volume);
    await btm.snapshot(20);
    volume.disk.fail();
    const { details, hint } = await failureOf(btm.snapshot(30), "TIMED_OUT");
    expect(hint).toContain("zpool status");
    // Not even SIGKILL ends it, and it holds the lock of the volume.
    expect(existsSync(`/proc/${String(details["pid"])}`)).toBe(true);
    await expectRefusals(volume.dataset, volume.mountPoint);
    await failureOf(btm.snapshot(40), "POOL_SUSPENDED");
    await volume.disk.mend();
    await expectHealth(volume, "live");
    const heights = (await btm.list()).map(({ height, mark }) => [height, mark?.height]);
    expect(heights).toEqual([10n, 20n, 30n, 1000n].map((height) => [height, String(height)]));
  });

  it("while memory is written out: the snapshot is given up, and is not there once the pool goes on", async (test) => {
    const volume = await makeVolume(test);
    const btm = impatient(volume);
    await btm.snapshot(20);
    writeFileSync(join(volume.mountPoint, "more"), Buffer.alloc(1024 * 1024, "x"));
    volume.disk.fail();
    await failureOf(btm.snapshot(30), "TIMED_OUT");
    // The thread of ours that waits is enough of its kind.
    await failureOf(btm.snapshot(40), "POOL_SUSPENDED");
    await volume.disk.mend();
    await expectHealth(volume, "live");
    expect((await btm.list()).map(({ height }) => height)).toEqual([10n, 20n, 1000n]);
  });

  it("while a rollback unmounts the volume: the next command mounts it again, as it was", async (test) => {
    const volume = await makeVolume(test);
    const rolling = impatient(volume, failAt(volume, "before unmount")).rollback(10, { discardNewer: true });
    const { message, cause } = await failureOf(rolling, "PARTLY_DONE");
    expect([message, cause]).toMatchObject([expect.stringContaining("NOT mounted"), { code: "TIMED_OUT" }]);
    await failureOf(new Btm({ volume: volume.dataset }).snapshot(20), "POOL_SUSPENDED");
    await volume.disk.mend();
    const recovered = await expectHealth(volume, "live");
    expect(recovered).toEqual(["Undid the interrupted rollback to 10: the live state is as it was"]);
  });

  it("while a rollback is done: it is done once the pool goes on, and the next command mounts the volume", async (test) => {
    const volume = await makeVolume(test);
    const rolling = impatient(volume, failAt(volume, "before roll back")).rollback(10, { discardNewer: true });
    const { message, cause } = await failureOf(rolling, "PARTLY_DONE");
    expect([message, cause]).toMatchObject([expect.stringContaining("NOT mounted"), { code: "TIMED_OUT" }]);
    await failureOf(new Btm({ volume: volume.dataset }).snapshot(20), "POOL_SUSPENDED");
    await volume.disk.mend();
    const recovered = await expectHealth(volume, "ten");
    expect(recovered).toEqual(["Finished the interrupted rollback to 10"]);
  });

  it("before a rollback of what is not mounted: nothing was done", async (test) => {
    const volume = await makeVolume(test);
    const { disk, dataset } = volume;
    await run("zfs", ["unmount", dataset]);
    const btm = impatient(volume, (step, when) => {
      if (`${when} ${step}` === "before roll back") suspendNow(disk);
    });
    expect((await failureOf(btm.rollback(10, { discardNewer: true }), "PARTLY_DONE")).cause).toMatchObject({
      code: "POOL_SUSPENDED",
    });
    await disk.mend();
    await run("zfs", ["mount", dataset]);
    await expectHealth(volume, "live");
  });
});

/** Not only with the next change, and synchronously. */
function suspendNow(disk: FailingPool): void {
  disk.fail();
  spawn("zfs", ["set", "test:change=yes", disk.pool.name], { stdio: "ignore" });
  // Nothing else can end this, and a test's time limit cannot either.
  for (let waited = 0; !disk.isSuspended(); waited++) {
    if (waited > 60_000) throw new Error("The pool does not suspend");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  }
}
