import { mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { Btm } from "../../src/index.ts";
import { withDirectory } from "../../src/sys/directory.ts";
import { AT_FDCWD, setAttribute } from "../../src/sys/libc.ts";
import { BtrfsImage } from "../support/btrfs-image.ts";
import { failureOf } from "../support/expect-code.ts";
import type { Operation } from "../support/fixtures/operate.ts";
import { makeScene, workOf } from "../support/kill-lab.ts";
import { Operators } from "../support/operators.ts";
import { btrfsVolume, type TestVolume } from "../support/volumes.ts";

const operators = new Operators();
let image: BtrfsImage;
let made = 0;
beforeAll(async () => {
  image = await BtrfsImage.make();
});
afterAll(async () => {
  await operators.close();
  await image.dispose();
});

const asideOf = (volume: TestVolume): string => join(volume.undoPath(1), "../..");

describe.each([
  ["in a mounted directory", false],
  ["that is a mount point", true],
])("a volume %s", (_, isMounted) => {
  let volume: TestVolume;
  let btm: Btm;
  beforeEach(async () => {
    volume = await btrfsVolume(image, `journal${String(made++)}`, { isMounted });
    btm = new Btm({ volume: volume.path, itv: 1 });
    for (const height of [0, 10, 20]) {
      volume.write("height", String(height));
      await btm.snapshot(height);
    }
  });

  it("with a journal of a later version is left alone, and can be listed", async () => {
    await btm.pin(0);
    await withDirectory(AT_FDCWD, asideOf(volume), (fd) => setAttribute(fd, "user.btm.journal", '{"btm":2}'));
    const before = volume.everything();
    await failureOf(btm.snapshot(30), "BLOCKED");
    await failureOf(btm.rollback(0), "BLOCKED");
    expect((await btm.list()).length).toBe(3);
    expect(volume.everything()).toEqual(before);
  });

  it("is not rolled back to what was put in the place of the target meanwhile", async () => {
    const swap = (step: string, when: string): void => {
      if (step !== "stage" || when !== "before") return;
      renameSync(volume.snapshotPath(0), `${volume.snapshotPath(0)}.away`);
      renameSync(volume.snapshotPath(10), volume.snapshotPath(0));
    };
    const before = volume.live();
    const deceived = new Btm({ volume: volume.path }, { onStep: swap });
    await failureOf(deceived.rollback(0, { strict: true }), "PLAN_CHANGED");
    expect(volume.live()).toEqual(before);
    expect((await btm.rollback(20)).recovered).toEqual([]);
  });

  it("tells what was recovered although the command itself fails", async () => {
    const rollback: Operation = { kind: "rollback", height: 10 };
    const { steps } = await operators.run(workOf(await makeScene(image, { isMounted }), rollback));
    const scene = await makeScene(image, { isMounted });
    await operators.run(workOf(scene, rollback, undefined, steps.indexOf("after stage")));
    const plan = await scene.btm.rollback(20, { dryRun: true });
    expect(plan.recovered).toEqual(["Would first finish or undo the interrupted rollback to 10"]);
    const { details } = await failureOf(scene.btm.rollback(999, { strict: true }), "NO_SUCH_SNAPSHOT");
    expect(details["recovered"]).toEqual(["Undid the interrupted rollback to 10: the live state is as it was"]);
  });
});

it("what is beside a volume is marked anew when it was renamed with its volume", async () => {
  const volume = await btrfsVolume(image, `journal${String(made++)}`, { isMounted: false });
  const btm = new Btm({ volume: volume.path, itv: 1 });
  await btm.snapshot(0);
  await btm.pin(0);
  const renamed = `${volume.path}-renamed`;
  renameSync(volume.path, renamed);
  renameSync(`${volume.path}.btm`, `${renamed}.btm`);
  const after = new Btm({ volume: renamed, itv: 1 });
  await after.snapshot(10);
  expect((await after.rollback()).undo?.number).toBe(1);
  expect((await after.rollback()).undo?.number).toBe(2);
});

it("a plain directory where an undo point's state should be is not taken for one", async () => {
  const volume = await btrfsVolume(image, `journal${String(made++)}`, { isMounted: false });
  const btm = new Btm({ volume: volume.path, itv: 1 });
  await btm.snapshot(0);
  await btm.rollback();
  mkdirSync(volume.undoPath(2), { recursive: true });
  expect((await btm.rollback()).undo?.number).toBe(3);
});
