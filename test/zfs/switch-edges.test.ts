import { rmSync } from "node:fs";

import { expect, it } from "vitest";

import { Btm } from "../../src/index.ts";
import { failureOf } from "../support/expect-code.ts";
import { run } from "../support/run.ts";
import { killSuite, legacySurvivor } from "../support/zfs-kill-suite.ts";
import { Survivor } from "../support/zfs-survivor.ts";

const suite = killSuite();
const operation = { kind: "rollback", height: 0 } as const;
/** Until a rollback has moved aside what was live. */
const steps = ["write journal", "stage", "name origin", "unmount", "move aside"].flatMap((step) => [
  `before ${step}`,
  `after ${step}`,
]);

async function withoutName(survivor: Survivor): Promise<void> {
  await survivor.grow(2);
  await suite.kill(survivor, { by: "name", operation }, steps, steps.length - 1);
  const names = await run("zfs", ["list", "-H", "-o", "name", "-r", survivor.dataset.split("/")[0] ?? ""]);
  expect(names.split("\n")).not.toContain(survivor.dataset);
}

it.each(["name", "path"] as const)("without a name, it is found by its %s", async (by) => {
  const survivor = await Survivor.make(suite.pool(), `lost by ${by}`);
  const volume = by === "name" ? survivor.dataset : survivor.mountPoint;
  await withoutName(survivor);
  const { message, hint } = await failureOf(new Btm({ volume }).list(), "VOLUME_MISSING");
  expect(message).toContain("rollback to 0 was interrupted");
  expect(hint).toContain("btm recover");
  const would = await new Btm({ volume }).recover({ dryRun: true });
  expect(would.recovered).toEqual(["Would first finish or undo the interrupted rollback to 0"]);
  const { recovered, taken } = await new Btm({ volume, itv: 10 }).snapshot(500);
  expect([recovered, taken]).toEqual([["Finished the interrupted rollback to 0"], true]);
  await withoutName(survivor);
  expect((await new Btm({ volume }).recover()).recovered).toEqual(["Finished the interrupted rollback to 0"]);
  expect((await new Btm({ volume }).list()).map(({ height }) => Number(height))).toEqual([0]);
});

it("after a reboot, a legacy mount point is told to be mounted by hand, and how", async () => {
  const survivor = await legacySurvivor(suite.pool(), "legacy");
  await withoutName(survivor);
  rmSync("/run/btm", { recursive: true, force: true });
  const { recovered } = await survivor.btm.name.recover();
  expect(recovered[0]).toBe("Finished the interrupted rollback to 0");
  expect(recovered.slice(1).join()).toContain(`mount -t zfs '${survivor.dataset}' DIRECTORY`);
  expect((await survivor.btm.name.recover()).recovered).toEqual([]);
});

it("what cannot be discarded in the end is an undo point, and a warning", async () => {
  const survivor = await Survivor.make(suite.pool(), "held");
  await survivor.grow(2);
  const btm = new Btm(
    { volume: survivor.dataset, itv: 10 },
    {
      onStep: (step, when) => {
        if (step === "discard" && when === "before") throw new Error("it is in use");
      },
    },
  );
  const { warnings } = await btm.rollback(0, { discardNewer: true, preserve: ["state/height"] });
  expect(warnings.join()).toContain("undo point 1 is left, and could not be destroyed");
  const all = await run("zfs", ["get", "-r", "-H", "-s", "local", "-o", "name", "btm:switch", suite.pool().name]);
  expect(all).toBe("");
  expect((await survivor.btm.name.recover()).recovered).toEqual([]);
  expect((await survivor.btm.name.undoPoints()).map(({ number }) => number)).toEqual([1]);
  await survivor.btm.name.dropUndo(1);
  await survivor.btm.name.rollback(0);
});

it("what was to become live and cannot be destroyed is a warning, and stops only rollbacks", async () => {
  const survivor = await Survivor.make(suite.pool(), "staged");
  await survivor.grow(2);
  const staged = `${survivor.dataset}.btm-new`;
  await suite.kill(survivor, { by: "name", operation }, steps, steps.indexOf("after stage"));
  await run("zfs", ["snapshot", `${staged}@foreign`]);
  const { recovered } = await survivor.btm.name.recover();
  expect(recovered.join()).toContain("no rollback is possible until it is");
  expect((await survivor.btm.name.recover()).recovered).toEqual([]);
  await failureOf(survivor.btm.name.rollback(0), "BLOCKED");
  await run("zfs", ["destroy", "-r", staged]);
  await survivor.btm.name.rollback(0);
});
