import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect, it } from "vitest";

import { failureOf } from "../support/expect-code.ts";
import { Fixture } from "../support/fixture.ts";
import type { HolderArgument } from "../support/fixtures/holder.ts";
import type { Operation } from "../support/fixtures/operate.ts";
import { expectTidy, makeScene, type Scene, workOf } from "../support/kill-lab.ts";
import { operatorSuite } from "../support/operator-suite.ts";

const suite = operatorSuite();
const { operators } = suite;

const rollback: Operation = { kind: "rollback", height: 10 };

/** A rollback of a mount point that was killed after a step. */
function killedAfter(step: string): Promise<Scene> {
  return suite.killedAt(rollback, `after ${step}`, { isMounted: true });
}

/** The same, and a node that was started again since. */
async function restartedAfter(step: string): Promise<{ scene: Scene; node: Fixture }> {
  const scene = await killedAfter(step);
  const file = join(scene.volume.path, "state/height");
  const node = new Fixture("holder", { how: "open file", file } satisfies HolderArgument);
  expect(await node.next()).toBe("ready");
  return { scene, node };
}

it("goes back to what a node was started on again, rather than take its disk away", async () => {
  const { scene, node } = await restartedAfter("exchange");
  expect(scene.volume.live()).toEqual(scene.old);
  const { taken, recovered } = await scene.btm.snapshot(1000);
  expect([taken, recovered.length]).toEqual([true, 1]);
  expect(scene.volume.live()).toEqual(scene.old);
  expectTidy(scene, [], "while the node runs");
  await failureOf(scene.btm.rollback(10), "BLOCKED");
  await node.stop();
  await scene.btm.rollback(10);
  expectTidy(scene, [scene.old], "in the end");
});

it("keeps what was written to the other state when it goes back", async () => {
  const scene = await killedAfter("exchange");
  const byName = scene.volume.snapshotPath(0).replace(/@0$/, "");
  await writeFile(join(byName, "days of work"), "by a node that was started on it");
  const { recovered } = await scene.btm.snapshot(1000);
  expect(recovered.join()).toContain("is kept as undo point 1");
  expect(scene.volume.live()).toEqual(scene.old);
  expect(await readFile(join(scene.volume.undoPath(1), "days of work"), "utf8")).toContain("by a node");
});

it("refuses to unmount what a node was started on again, names it, and finishes when it is gone", async () => {
  const { scene, node } = await restartedAfter("attach beneath");
  const before = scene.volume.live();
  const { message } = await failureOf(scene.btm.snapshot(1000), "BLOCKED");
  expect(message).toContain(`process ${String(node.child.pid)} `);
  expect(scene.volume.live()).toEqual(before);
  expect((await scene.btm.list()).map((snapshot) => snapshot.height)).toEqual([0n, 10n, 20n]);
  await node.stop();
  expect(await scene.btm.snapshot(1000)).toMatchObject({ taken: true });
  expect(scene.volume.live()).toEqual(scene.snapshots.get(10n));
  expectTidy(scene, [scene.old], "in the end");
});

it("a dry run of a rollback after a killed one does what it then does", async () => {
  const scene = await makeScene(suite.image, { isMounted: false });
  const { steps } = await operators.run(workOf(await makeScene(suite.image, { isMounted: false }), rollback));
  await operators.run(workOf(scene, rollback, undefined, steps.indexOf("after stage")));
  const planned = await scene.btm.rollback(20, { dryRun: true });
  const done = await scene.btm.rollback(20);
  expect(done.undo).toEqual(planned.undo);
  expect(done.target).toEqual(planned.target);
});
