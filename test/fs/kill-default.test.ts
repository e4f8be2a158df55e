import { afterAll, beforeAll, expect, it } from "vitest";

import { Btm } from "../../src/index.ts";
import { BtrfsImage } from "../support/btrfs-image.ts";
import type { Operation } from "../support/fixtures/operate.ts";
import { isAfter, makeScene, type Scene, workOf } from "../support/kill-lab.ts";
import { Operators } from "../support/operators.ts";
import { run } from "../support/run.ts";

const rollback: Operation = { kind: "rollback", height: 10 };
const operators = new Operators();
let image: BtrfsImage;
beforeAll(async () => {
  image = await BtrfsImage.make({ sizeMiB: 600 });
});
afterAll(async () => {
  await operators.close();
  await image.dispose();
});

/** A volume that is the default subvolume of its file system, mounted without subvol=. */
async function fresh(): Promise<Scene> {
  const scene = await makeScene(image, { isMounted: true });
  const { path } = scene.volume;
  await run("btrfs", ["subvolume", "set-default", await idOf(path), image.top]);
  await mountAnew(path);
  return { ...scene, btm: new Btm({ volume: path }) };
}

async function idOf(path: string): Promise<string> {
  return (await run("btrfs", ["inspect-internal", "rootid", path])).trim();
}

/** As the next boot does. */
async function mountAnew(path: string): Promise<void> {
  await run("umount", ["--", path]);
  await run("mount", ["--", image.device, path]);
}

it("killed at every step of a rollback of the default subvolume, what is live is the default in the end", async () => {
  const { steps } = await operators.run(workOf(await fresh(), rollback));
  expect(steps).toContain("after set default");
  for (const [killAt, step] of steps.entries()) {
    if (!isAfter(step)) continue;
    const scene = await fresh();
    await operators.run(workOf(scene, rollback, undefined, killAt));
    const where = `killed ${step}`;
    expect(await scene.btm.snapshot(1000), where).toMatchObject({ taken: true });
    const live = scene.volume.live();
    expect([scene.old, scene.snapshots.get(10n)], where).toContainEqual(live);
    expect(await run("btrfs", ["subvolume", "get-default", image.top]), where).toContain(
      `ID ${await idOf(scene.volume.path)} `,
    );
    await mountAnew(scene.volume.path);
    expect(scene.volume.live(), `${where}, after the next boot`).toEqual(live);
    expect(await scene.btm.snapshot(2000), where).toMatchObject({ taken: true, recovered: [] });
  }
});
