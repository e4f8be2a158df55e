import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { BtrfsImage } from "../support/btrfs-image.ts";
import { Btm } from "../../src/index.ts";
import type { Operation } from "../support/fixtures/operate.ts";
import { expectTidy, isAfter, makeScene, type Scene, workOf } from "../support/kill-lab.ts";
import { readMounts } from "../../src/sys/mounts.ts";
import { asOnOldKernel, hasStrace } from "../support/old-kernel.ts";
import { Operators } from "../support/operators.ts";

const rollback: Operation = { kind: "rollback", height: 10 };

/** Before Linux 6.5 the old mount goes before the new one comes: in between, a path leads to the bare mount point. */
describe.skipIf(!hasStrace()).each([
  { on: "another file system", at: "at", from: "after exchange" },
  // A plain directory on Btrfs is what a bare mount point looks like there.
  { on: "Btrfs", at: "top", from: "after write note" },
])("an older kernel, the mount point a directory on $on", ({ at, from }) => {
  const operators = new Operators(asOnOldKernel);
  let image: BtrfsImage;
  beforeAll(async () => {
    image = await BtrfsImage.make();
  });
  afterAll(async () => {
    await operators.close();
    await image.dispose();
  });

  async function fresh(): Promise<Scene> {
    const { volume, ...scene } = await makeScene(image, { isMounted: false });
    const subvolume = volume.path.slice(image.top.length + 1);
    const path = await image.mountAt(join(at, `mount-of-${subvolume.replaceAll("/", "-")}`), subvolume, ["nosuid"]);
    return { ...scene, volume: { ...volume, path }, btm: new Btm({ volume: path }) };
  }

  it("a rollback does the job", async () => {
    const scene = await fresh();
    const { steps } = await operators.run(workOf(scene, rollback));
    expect(steps.slice(steps.indexOf("before attach beneath"))).toEqual([
      ...["before attach beneath", "before write note", "after write note", "before unmount", "after unmount"],
      ...["before mount", "after mount", "before move newer snapshots", "after move newer snapshots"],
      ...["before clear journal", "after clear journal", "before sync journal", "after sync journal"],
    ]);
    expectMountedOnce(scene);
    expectTidy(scene, [scene.old], "whole");
  });

  it("killed at every step of the switch, a list works, and the next command finishes it", async () => {
    const { steps } = await operators.run(workOf(await fresh(), rollback));
    const first = steps.indexOf(from);
    for (let killAt = first; killAt < steps.length; killAt++) {
      if (!isAfter(steps[killAt] ?? "")) continue;
      const scene = await fresh();
      await operators.run(workOf(scene, rollback, undefined, killAt));
      const where = `killed ${String(steps[killAt])}`;
      expect(
        (await scene.btm.list()).map((one) => one.height),
        where,
      ).toEqual(steps.slice(0, killAt + 1).includes("after move newer snapshots") ? [0n, 10n] : [0n, 10n, 20n]);
      expect(await scene.btm.snapshot(1000), where).toMatchObject({ taken: true });
      expectMountedOnce(scene, where);
      const live = scene.volume.live();
      const target = scene.snapshots.get(10n) ?? [];
      expect([scene.old, target], where).toContainEqual(live);
      const isKept = existsSync(scene.volume.undoPath(1));
      expectTidy(scene, live.join() === target.join() ? [scene.old] : isKept ? [target] : [], where);
    }
  });
});

function expectMountedOnce({ volume }: Scene, where = ""): void {
  const notes = existsSync("/run/btm") ? readdirSync("/run/btm") : [];
  const ofVolume = notes.filter((note) =>
    readFileSync(join("/run/btm", note), "utf8").includes(JSON.stringify(volume.path)),
  );
  expect(ofVolume, `notes left behind, ${where}`).toEqual([]);
  const mounts = readMounts().filter((mount) => mount.mountPoint === volume.path);
  expect(
    mounts.map((mount) => mount.options),
    where,
  ).toEqual([["rw", "nosuid", "relatime"]]);
}
