import { closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";

import { afterEach, expect, it } from "vitest";

import type { Blocker } from "../../src/index.ts";
import { failureOf } from "../support/expect-code.ts";
import { Fixture } from "../support/fixture.ts";
import type { HolderArgument } from "../support/fixtures/holder.ts";
import { run } from "../support/run.ts";
import type { Traits } from "../support/volumes.ts";
import type { CurrentVolume } from "./driver-contract.ts";
import { btmOf, grow } from "./helpers.ts";

export function blockerContract(volume: CurrentVolume, { nested, snapshotsAreInside }: Traits): void {
  const undo: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const step of undo.splice(0).reverse()) await step();
  });

  async function hold(how: HolderArgument["how"]): Promise<Fixture> {
    const file = join(volume().path, "height");
    const options = how === "working directory" ? { cwd: volume().path } : {};
    const holder = new Fixture("holder", { how, file } satisfies HolderArgument, options);
    undo.push(() => holder.stop());
    expect(await holder.next()).toBe("ready");
    return holder;
  }

  async function mountInside(): Promise<string> {
    const mountPoint = join(volume().path, "mounted here");
    mkdirSync(mountPoint);
    await run("mount", ["-t", "tmpfs", "none", mountPoint]);
    undo.push(() => run("umount", ["--", mountPoint]));
    return mountPoint;
  }

  it.each(["open file", "deleted open file", "working directory", "mapped file"] as const)(
    "a process with a use of the volume (%s) is named, and nothing is changed",
    async (how) => {
      const btm = btmOf(volume());
      await grow(btm, volume(), [0, 10]);
      const holder = await hold(how);
      const before = volume().everything({ exact: true });
      const { message, details } = await failureOf(btm.rollback(0), "BLOCKED");
      expect(message).toContain(`process ${String(holder.child.pid)} `);
      expect(message).toContain(how.replace("deleted ", ""));
      expect(details["blockers"]).toMatchObject([{ kind: "process" }]);
      expect(volume().everything({ exact: true })).toEqual(before);
      await holder.stop();
      expect(await btm.rollback(0)).toMatchObject({ blockers: [] });
    },
  );

  it("forced, it goes on: the process keeps what it has open, which is in the undo point", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10]);
    const holder = await hold("open file");
    const pid = `process ${String(holder.child.pid)} `;
    const plan = await btm.rollback(0, { force: true, dryRun: true });
    expect([plan.blockers, plan.warnings.join()]).toEqual([[], expect.stringContaining(pid)]);
    const { warnings } = await btm.rollback(0, { force: true });
    expect([warnings.join(), volume().read("height")]).toEqual([expect.stringContaining(pid), "0"]);
    await holder.stop();
    await btm.undo();
    expect(volume().read("height")).toBe("10");
  });

  it("a process that has the volume in use stands in the way of undoing as well", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10]);
    await btm.rollback(0);
    const holder = await hold("open file");
    const before = volume().everything({ exact: true });
    const { message } = await failureOf(btm.undo(), "BLOCKED");
    expect(message).toContain(`process ${String(holder.child.pid)} `);
    expect(volume().everything({ exact: true })).toEqual(before);
    await holder.stop();
    expect(await btm.undo()).toMatchObject({ blockers: [] });
  });

  it("the process that calls is named too, when it has a file of the volume open", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10]);
    const before = volume().everything({ exact: true });
    const fd = openSync(join(volume().path, "height"), "r+");
    try {
      await failureOf(btm.rollback(0), "BLOCKED");
      expect(volume().everything({ exact: true })).toEqual(before);
    } finally {
      closeSync(fd);
    }
  });

  it("what is open in a snapshot is a blocker where snapshots are inside the volume only", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10]);
    const holder = new Fixture("holder", {
      how: "open file",
      file: join(volume().snapshotPath(0), "height"),
    } satisfies HolderArgument);
    undo.push(() => holder.stop());
    await holder.next();
    if (snapshotsAreInside) {
      const { message } = await failureOf(btm.rollback(0), "BLOCKED");
      expect(message).toContain(`process ${String(holder.child.pid)} `);
      await holder.stop();
    }
    expect(await btm.rollback(0)).toMatchObject({ blockers: [] });
  });

  it("what lies nested in the volume refuses a snapshot, with its path", async () => {
    const btm = btmOf(volume());
    const inside = await volume().nest();
    const before = volume().everything({ exact: true });
    const { message, details } = await failureOf(btm.snapshot(0), "HAS_NESTED_VOLUMES");
    expect(message).toContain(inside);
    expect(details["blockers"]).toMatchObject([{ kind: nested }]);
    await failureOf(btm.snapshot(0, { dryRun: true }), "HAS_NESTED_VOLUMES");
    expect(volume().everything({ exact: true })).toEqual(before);
  });

  it("all blockers of a rollback are named at once, in the plan as well, and nothing is changed", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10]);
    const inside = await volume().nest();
    const holders = [await hold("open file"), await hold("mapped file")];
    const mountPoint = await mountInside();
    const before = volume().everything({ exact: true });

    const { message, hint, details } = await failureOf(btm.rollback(0), "BLOCKED");
    for (const { child } of holders) expect(message).toContain(`process ${String(child.pid)} `);
    expect(message).toContain(inside);
    expect(message).toContain(mountPoint.slice(mountPoint.lastIndexOf("/")));
    expect(hint).toContain("Unmount it first");
    const blockers = details["blockers"] as Blocker[];
    expect(blockers.map((blocker) => blocker.kind).sort()).toEqual(["mount", "process", "process", nested].sort());

    const plan = await btm.rollback(0, { dryRun: true });
    expect(plan.blockers).toEqual(blockers);
    expect(volume().everything({ exact: true })).toEqual(before);
  });
}
