import { expect, it } from "vitest";

import { failureOf } from "../support/expect-code.ts";
import { manifestOf } from "../support/manifest.ts";
import type { Traits } from "../support/volumes.ts";
import type { CurrentVolume } from "./driver-contract.ts";
import { btmOf, grow, heightsOf, listed, pointsOf } from "./helpers.ts";

/** A rollback keeps what it replaces, and it can be brought back. */
export function undoContract(volume: CurrentVolume, { isSlow }: Traits): void {
  it("a rollback keeps the live state and the newer snapshots as an undo point, and undo brings both back", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10, 20]);
    volume().write("state/wal", "not in any snapshot");
    const was = manifestOf(volume().path, { exact: true });
    const snapshots = await btm.list();
    const rolled = await btm.rollback(0);
    expect(rolled).toMatchObject({ point: undefined, back: 20n, destroyed: [], discarded: [], dropped: [] });
    expect(rolled.undo).toMatchObject({ number: 1, from: 20n, to: 0n });
    expect([heightsOf(rolled.newer), heightsOf(rolled.moved)]).toEqual([
      [10n, 20n],
      [10n, 20n],
    ]);
    expect([volume().read("height"), await listed(btm)]).toEqual(["0", [0n]]);
    expect(volume().live().join()).not.toContain("wal");

    const [point] = await btm.undoPoints({ measure: true });
    expect(point).toMatchObject({ number: 1, from: 20n, to: 0n, place: rolled.undo?.place });
    expect(point?.snapshots.map(({ uuid }) => uuid)).toEqual(snapshots.slice(1).map(({ uuid }) => uuid));
    expect(point?.at.getTime()).toBeGreaterThanOrEqual((snapshots.at(-1)?.createdAt.getTime() ?? 0) - 1000);

    const undone = await btm.undo();
    expect(undone).toMatchObject({ target: undefined, asked: undefined, choice: "latest", moved: [], back: -20n });
    expect(undone.point?.number).toBe(1);
    expect(heightsOf(undone.returned)).toEqual([10n, 20n]);
    expect(manifestOf(volume().path, { exact: true }).slice(1)).toEqual(was.slice(1));
    expect((await btm.list()).map(({ uuid, name }) => [uuid, name])).toEqual(
      snapshots.map(({ uuid, name }) => [uuid, name]),
    );
    expect(await pointsOf(btm)).toEqual(["2: 0 down to 0, with "]);
  });

  it("what comes back is a volume like any other: written to, snapshotted, rolled back", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10]);
    await btm.rollback(0);
    await btm.undo();
    await grow(btm, volume(), [20]);
    expect((await btm.list()).map(({ mark }) => mark?.height)).toEqual(["0", "10", "20"]);
    await btm.rollback(10);
    expect([volume().read("height"), await listed(btm)]).toEqual(["10", [0n, 10n]]);
  });

  it("a height that an undo point holds is not taken for the nearest below, and nothing of it is lost", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10, 20]);
    await btm.rollback(0);
    for (const options of [{}, { strict: true }, { dryRun: true }, { discardNewer: true }]) {
      const { message, hint } = await failureOf(btm.rollback(10, options), "NO_SUCH_SNAPSHOT");
      expect([message, hint]).toEqual([
        expect.stringContaining("to 10: that snapshot is in undo point 1"),
        expect.stringContaining("btm undo 1 brings it back"),
      ]);
    }
    expect((await failureOf(btm.pin(10), "NO_SUCH_SNAPSHOT")).message).toContain("is in undo point 1");
    expect(await pointsOf(btm)).toEqual(["1: 20 down to 0, with 10, 20"]);
    // One that neither has is the nearest below, as ever.
    expect((await btm.rollback(15, { dryRun: true })).target?.height).toBe(0n);
  });

  it("undo twice is redo, with both timelines whole", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10]);
    volume().write("height", "first");
    await btm.rollback(0);
    await grow(btm, volume(), [10, 20, 30]);
    volume().write("height", "second");
    const timelines = [
      ["first", [0n, 10n]],
      ["second", [0n, 10n, 20n, 30n]],
    ];
    for (const round of [0, 1, ...(isSlow ? [] : [0, 1])]) {
      const { undo } = await btm.undo();
      expect([volume().read("height"), await listed(btm)]).toEqual(timelines[round]);
      expect((await btm.undoPoints()).map(({ number }) => number)).toEqual([undo?.number]);
    }
  });

  it("the same heights are taken again after a rollback, and each timeline keeps its own", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10, 20]);
    await btm.rollback(0);
    expect(await btm.snapshot(5)).toMatchObject({ taken: false, reason: "not-due", last: 0n });
    for (const height of [10, 20]) {
      volume().write("height", `${String(height)}, second time`);
      expect(await btm.snapshot(height)).toMatchObject({ taken: true, reason: "due" });
    }
    expect(await listed(btm)).toEqual([0n, 10n, 20n]);
    await btm.undo();
    await btm.rollback(10, { keepUndo: 9 });
    expect(volume().read("height")).toBe("10");
    await btm.undo(2, { keepUndo: 9 });
    await btm.rollback(10, { keepUndo: 9 });
    expect(volume().read("height")).toBe("10, second time");
  });

  it("a rollback keeps the older snapshots as they were", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10, 20]);
    const older = (await btm.list()).slice(0, 2);
    const look = (): string[][] => [0, 10].map((height) => manifestOf(volume().snapshotPath(height), { exact: true }));
    const contents = look();
    await btm.rollback(10);
    expect((await btm.list()).map(({ uuid }) => uuid)).toEqual(older.map(({ uuid }) => uuid));
    expect(look()).toEqual(contents);
  });

  it("one undo point is kept unless more are wanted, and the plan says which go", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10]);
    await btm.rollback(10);
    expect((await btm.rollback(0, { dryRun: true })).dropped.map(({ number }) => number)).toEqual([1]);
    expect((await btm.rollback(0)).dropped.map(({ number }) => number)).toEqual([1]);
    expect(await pointsOf(btm)).toEqual(["2: 10 down to 0, with 10"]);
    await btm.rollback(0, { keepUndo: 3 });
    await btm.rollback(0, { keepUndo: 3 });
    expect(await pointsOf(btm)).toEqual(["2: 10 down to 0, with 10", "3: 0 down to 0, with ", "4: 0 down to 0, with "]);
    expect((await btm.rollback(0, { keepUndo: 2 })).dropped.map(({ number }) => number)).toEqual([2, 3]);
    expect((await btm.undoPoints()).map(({ number }) => number)).toEqual([4, 5]);
  });

  it("drops none for a rollback that is done once more, and leaves no snapshot behind, unless told to", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10, 20]);
    const before = volume().live();
    const numbers = async (): Promise<unknown[]> => (await btm.undoPoints()).map(({ number }) => number);
    await btm.rollback(10);
    for (const again of [10, 15]) expect((await btm.rollback(again)).dropped).toEqual([]);
    expect(await numbers()).toEqual([1, 2, 3]);
    await btm.undo(1, { keepUndo: 9 });
    expect(volume().live()).toEqual(before);
    expect((await btm.rollback(0)).dropped.map(({ number }) => number)).toEqual([2, 3, 4]);
    expect((await btm.rollback(0, { keepUndo: 1 })).dropped).toHaveLength(1);
  });

  it.each([0, -1, 1.5, "many", NaN])("refuses to keep %j undo points", async (keepUndo) => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0]);
    const before = volume().everything({ exact: true });
    await failureOf(btm.rollback(0, { keepUndo }), "BAD_OPTION");
    await failureOf(btm.undo(undefined, { keepUndo }), "BAD_OPTION");
    expect(volume().everything({ exact: true })).toEqual(before);
  });

  it("any of several is brought back with its whole history, also what lies in another one", async () => {
    const btm = btmOf(volume());
    const keepUndo = 9;
    await grow(btm, volume(), [10, 20, 30, 40]);
    volume().write("height", "first");
    await btm.rollback(30, { keepUndo });
    await grow(btm, volume(), [40]);
    volume().write("height", "second");
    await btm.rollback(10, { keepUndo });
    volume().write("height", "third");
    // The first hangs on 30, which is in the second now.
    expect(await pointsOf(btm)).toEqual(["1: 40 down to 30, with 40", "2: 40 down to 10, with 20, 30, 40"]);
    const plan = await btm.undo(1, { keepUndo, dryRun: true });
    expect(heightsOf(plan.returned)).toEqual([20n, 30n, 40n]);
    await btm.undo(1, { keepUndo });
    expect([volume().read("height"), await listed(btm)]).toEqual(["first", [10n, 20n, 30n, 40n]]);
    expect(await pointsOf(btm)).toEqual(["2: 40 down to 30, with 40", "3: 10 down to 10, with "]);
    await btm.undo(2, { keepUndo });
    expect([volume().read("height"), await listed(btm)]).toEqual(["second", [10n, 20n, 30n, 40n]]);
    await btm.undo(3, { keepUndo });
    expect([volume().read("height"), await listed(btm)]).toEqual(["third", [10n]]);
  });

  it("one that another hangs on is dropped, and the other one stays whole", async () => {
    const btm = btmOf(volume());
    const keepUndo = 9;
    await grow(btm, volume(), [10, 20, 30, 40]);
    volume().write("height", "first");
    await btm.rollback(30, { keepUndo });
    await grow(btm, volume(), [40]);
    await btm.rollback(10, { keepUndo });
    expect((await btm.dropUndo(2)).points.map(({ number }) => number)).toEqual([2]);
    expect(await pointsOf(btm)).toEqual(["1: 40 down to 10, with 20, 30, 40"]);
    await btm.undo();
    expect([volume().read("height"), await listed(btm)]).toEqual(["first", [10n, 20n, 30n, 40n]]);
  });

  it("dropping gives them back one by one or all at once, and the numbers go on", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10]);
    for (const height of [10, 10, 0]) await btm.rollback(height, { keepUndo: 9 });
    const before = volume().everything({ exact: true });
    await failureOf(btm.dropUndo(7), "NO_SUCH_UNDO");
    expect((await btm.dropUndo("all", { dryRun: true })).points).toHaveLength(3);
    expect(volume().everything({ exact: true })).toEqual(before);
    const { points, blockers, dryRun } = await btm.dropUndo(2);
    expect([points.map(({ number }) => number), blockers, dryRun]).toEqual([[2], [], false]);
    expect((await btm.undoPoints()).map(({ number }) => number)).toEqual([1, 3]);
    expect((await btm.dropUndo("all")).points.map(({ number }) => number)).toEqual([1, 3]);
    expect(await btm.undoPoints()).toEqual([]);
    expect((await btm.dropUndo("all")).points).toEqual([]);
    expect([volume().read("height"), await listed(btm)]).toEqual(["0", [0n]]);
  });

  it("without an undo point there is nothing to undo", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0]);
    const before = volume().everything({ exact: true });
    await failureOf(btm.undo(), "NO_SUCH_UNDO");
    await failureOf(btm.undo(1), "NO_SUCH_UNDO");
    for (const number of [0, -1, "x", 1.5]) await failureOf(btm.undo(number), "BAD_OPTION");
    expect(volume().everything({ exact: true })).toEqual(before);
  });

  it("what an undo point hangs on is neither pruned nor cleaned nor counted, until that is dropped", async () => {
    const btm = btmOf(volume(), { cap: 2 });
    await grow(btm, volume(), [0, 10]);
    await btm.rollback(0);
    expect((await btm.list()).map(({ neededBy }) => neededBy)).toEqual([["undo point 1"]]);
    await grow(btm, volume(), [10, 20, 30]);
    expect(await listed(btm)).toEqual([0n, 20n, 30n]);
    expect(heightsOf((await btm.clean()).kept)).toEqual([0n]);
    await btm.dropUndo(1);
    expect((await btm.list()).map(({ neededBy }) => neededBy)).toEqual([[]]);
    expect(heightsOf((await btm.clean()).removed)).toEqual([0n]);
  });

  it("a pinned one goes into the undo point and comes back pinned; with it, it is not dropped", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10, 20]);
    await btm.pin(10, { note: "the upgrade" });
    await btm.rollback(0);
    const { details } = await failureOf(btm.dropUndo(1), "BLOCKED");
    expect(details["blockers"]).toMatchObject([{ kind: "pinned-snapshot" }]);
    expect((await btm.dropUndo("all", { dryRun: true })).blockers).toMatchObject([{ kind: "pinned-snapshot" }]);
    // Nor by a rollback that would keep one only.
    const { dropped, warnings } = await btm.rollback(0, { keepUndo: 1 });
    expect([dropped, warnings.join()]).toEqual([[], expect.stringContaining("undo point 1")]);
    await btm.undo(1);
    expect((await btm.list()).map(({ pinned, note }) => [pinned, note])).toEqual([
      [false, undefined],
      [true, "the upgrade"],
      [false, undefined],
    ]);
  });

  it("what was adopted goes into the undo point like any other", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0]);
    await volume().snapshotByHand(5);
    await btm.adopt();
    expect(heightsOf((await btm.rollback(0)).moved)).toEqual([5n]);
    expect(await listed(btm)).toEqual([0n]);
    await btm.undo();
    expect((await btm.list()).map(({ mark }) => mark?.adopted)).toEqual([undefined, true]);
  });

  it("confirm is asked of undo and of drop; no changes nothing, yes does it", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10]);
    await btm.rollback(0);
    const before = volume().everything({ exact: true });
    const [no, yes] = [false, true].map((answer) => () => Promise.resolve(answer));
    if (no === undefined || yes === undefined) throw new TypeError("There are two");
    await failureOf(btm.undo(1, { confirm: no }), "DECLINED");
    await failureOf(btm.dropUndo(1, { confirm: no }), "DECLINED");
    const plan = await btm.undo(1, { dryRun: true });
    expect(volume().everything({ exact: true })).toEqual(before);
    expect(await btm.undo(1, { confirm: yes })).toEqual({ ...plan, dryRun: false });
    expect(volume().read("height")).toBe("10");
    expect((await btm.dropUndo(2, { confirm: yes })).points).toHaveLength(1);
    expect(await btm.undoPoints()).toEqual([]);
  });

  it("a plan to undo that no longer holds is not carried out", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10]);
    await btm.rollback(0);
    const meanwhile = async (): Promise<boolean> => {
      await grow(btmOf(volume()), volume(), [20]);
      return true;
    };
    await failureOf(btm.undo(1, { confirm: meanwhile }), "PLAN_CHANGED");
    expect([volume().read("height"), await listed(btm)]).toEqual(["20", [0n, 20n]]);
  });

  it("recover has nothing to do where nothing was interrupted", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10]);
    await btm.rollback(0);
    const before = volume().everything({ exact: true });
    expect(await btm.recover({ dryRun: true })).toEqual({ recovered: [], dryRun: true });
    expect(await btm.recover()).toEqual({ recovered: [], dryRun: false });
    expect(volume().everything({ exact: true })).toEqual(before);
  });
}
