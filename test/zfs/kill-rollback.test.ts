import { describe, expect, it } from "vitest";

import { Btm } from "../../src/index.ts";
import { run } from "../support/run.ts";
import { both, killSuite, legacySurvivor, survivorOf } from "../support/zfs-kill-suite.ts";
import { type State, Survivor } from "../support/zfs-survivor.ts";

const suite = killSuite();
const operation = { kind: "rollback", height: 0, discardNewer: true } as const;
const steps = ["write journal", "unmount", "roll back", "mount", "clear journal"].flatMap(both);

/** What there is once the rollback is done, or undone. */
function settled({ first }: Survivor, before: State, isDone: boolean): State {
  if (!isDone) return before;
  return { ...before, snapshots: before.snapshots.slice(0, 1), live: before.live && { ...before.live, files: first } };
}

function messageOf(isDone: boolean): string {
  return isDone
    ? "Finished the interrupted rollback to 0"
    : "Undid the interrupted rollback to 0: the live state is as it was";
}

/** Kills a rollback of a mounted volume that is given by its path, and has the next command finish or undo it. */
async function killAndGoOn(
  survivor: Survivor,
  step: string,
  next: "snapshot" | "rollback",
  by: "name" | "path",
): Promise<void> {
  const before = await survivor.grow(2);
  await suite.kill(survivor, { by: "path", operation }, steps, steps.indexOf(step));
  const isPast = (name: string): boolean => steps.indexOf(step) >= steps.indexOf(name);
  const isDone = isPast("after roll back");
  const hasJournal = isPast("after write journal") && !isPast("after clear journal");
  const isMounted = !isPast("after unmount") || isPast("after mount");
  const { live, ...rest } = settled(survivor, before, isDone);
  expect(await survivor.look()).toEqual({ ...rest, hasJournal, live: isMounted ? live : undefined });

  const recovered = hasJournal ? [messageOf(isDone)] : [];
  const after = settled(survivor, before, isDone || next === "rollback");
  if (next === "snapshot") {
    const height = survivor.nextHeight();
    expect(await survivor.btm[by].snapshot(height, { prune: false })).toMatchObject({ taken: true, recovered });
    const { snapshots, ...rest } = await survivor.look();
    expect(snapshots.at(-1)).toMatchObject({ height, isMarked: true });
    expect({ snapshots: snapshots.slice(0, -1), ...rest }).toEqual(after);
  } else {
    survivor.steps.length = 0;
    expect(await survivor.btm[by].rollback(0, { discardNewer: true })).toMatchObject({ recovered, warnings: [] });
    expect(survivor.steps.slice(-steps.length)).toEqual(steps);
    expect(await survivor.look()).toEqual(after);
  }
}

describe("killed while rolling back a dataset that is mounted inside another one", () => {
  const withSurvivor = survivorOf(async (number) => {
    const outer = `outer${String(number)}`;
    await suite.pool().makeDataset(outer, outer);
    return Survivor.make(suite.pool(), `${outer}/inner`);
  });

  it.each([
    ["before write journal", "snapshot", "path"],
    ["after write journal", "snapshot", "path"],
    ["after unmount", "snapshot", "path"],
    ["after unmount", "rollback", "name"],
    ["after roll back", "rollback", "path"],
    ["after roll back", "snapshot", "name"],
    ["after mount", "snapshot", "path"],
    ["after clear journal", "rollback", "name"],
  ] as const)("%s; then comes a %s by its %s", async (step, next, by) => {
    await withSurvivor((survivor) => killAndGoOn(survivor, step, next, by));
  });

  it.each(["after unmount", "after roll back"])(
    "%s: a list by its path works; and again at every step of the recovery",
    async (step) => {
      await withSurvivor(async (survivor) => {
        const before = await survivor.grow(2);
        const work = { by: "path", operation } as const;
        await suite.kill(survivor, work, steps, steps.indexOf(step));
        const after = settled(survivor, before, step === "after roll back");
        const listed = await new Btm({ volume: survivor.mountPoint }).list();
        expect(listed.map(({ height }) => Number(height))).toEqual(after.snapshots.map(({ height }) => height));
        const recovery = { ...work, operation: { kind: "clean", kept: 100 } } as const;
        await suite.kill(survivor, recovery, [...both("mount"), ...both("clear journal")], 1);
        expect(await survivor.look()).toEqual({ ...after, hasJournal: true });
        await suite.kill(survivor, recovery, both("clear journal"), 1);
        expect(await survivor.look()).toEqual(after);
        expect(await survivor.btm.path.clean({ kept: 100 })).toMatchObject({ removed: [], recovered: [] });
        expect(await survivor.look()).toEqual(after);
      });
    },
  );
});

it("killed while a dataset with a legacy mount point is unmounted: the next rollback mounts it as it was", async () => {
  const survivor = await legacySurvivor(suite.pool(), "legacy");
  await killAndGoOn(survivor, "after unmount", "rollback", "path");
});

it("killed once a dataset that was not mounted is rolled back: the next command says so, and does not mount it", async () => {
  const survivor = await Survivor.make(suite.pool(), "unmounted");
  const before = await survivor.grow(2);
  await run("zfs", ["unmount", survivor.dataset]);
  await suite.kill(survivor, { by: "name", operation }, both("roll back"), 1);
  const after = settled(survivor, before, true);
  expect(await survivor.look()).toEqual({ ...after, hasJournal: true, live: undefined });
  const recovered = ["The rollback to 0 was done, and interrupted after that"];
  expect(await survivor.btm.name.clean({ kept: 100 })).toMatchObject({ removed: [], recovered });
  expect(await survivor.look()).toMatchObject({ hasJournal: false, live: undefined });
  await run("zfs", ["mount", survivor.dataset]);
  expect(await survivor.look()).toEqual(after);
});

it("killed between bookmarks, which go before the rollback is done: it is undone", async () => {
  const survivor = await Survivor.make(suite.pool(), "bookmarks");
  const before = await survivor.grow(2);
  const newest = `${survivor.dataset}@${String(before.snapshots.at(-1)?.height)}`;
  for (const name of ["first", "second"]) await run("zfs", ["bookmark", newest, `${survivor.dataset}#${name}`]);
  const known = [...steps.slice(0, 4), ...both("destroy bookmark"), ...both("destroy bookmark")];
  const work = { by: "path", operation: { ...operation, discardForeign: true } } as const;
  await suite.kill(survivor, work, known, 5);
  expect(await survivor.look()).toEqual({ ...before, hasJournal: true, live: undefined });
  expect(await survivor.btm.path.clean({ kept: 100 })).toMatchObject({ recovered: [messageOf(false)] });
  expect(await survivor.look()).toEqual(before);
});
