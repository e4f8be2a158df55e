import { expect, it } from "vitest";

import type { CleanResult, RollbackResult } from "../../src/index.ts";
import { failureOf } from "../support/expect-code.ts";
import type { Traits } from "../support/volumes.ts";
import type { CurrentVolume } from "./driver-contract.ts";
import { btmOf, grow, heightsOf, listed } from "./helpers.ts";

export function planContract(volume: CurrentVolume, { isSlow }: Traits): void {
  it("a dry run changes nothing at all, and says what would be done", async () => {
    const btm = btmOf(volume(), { cap: 2 });
    await volume().snapshotByHand(5);
    await grow(btm, volume(), [0, 10]);
    const before = volume().everything({ exact: true });
    const dryRun = true;
    expect(await btm.snapshot(20, { dryRun })).toMatchObject({ dryRun, taken: true, reason: "due", pruned: [0n] });
    expect(await btm.snapshot(11, { dryRun })).toMatchObject({ dryRun, taken: false, reason: "not-due", pruned: [] });
    const rollback = await btm.rollback(0, { dryRun });
    expect(rollback).toMatchObject({ dryRun, target: { height: 0n }, blockers: [] });
    expect([rollback.undo?.number, heightsOf(rollback.moved), rollback.destroyed]).toEqual([1, [10n], []]);
    expect(heightsOf((await btm.clean({ dryRun })).removed)).toEqual([0n, 10n]);
    expect(heightsOf((await btm.adopt({ dryRun })).adopted)).toEqual([5n]);
    await btm.list();
    expect(volume().everything({ exact: true })).toEqual(before);
  });

  it("a dry run is what is then done", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10, 20]);
    const planned = await btm.rollback(15, { dryRun: true });
    expect(await btm.rollback(15)).toEqual({ ...planned, dryRun: false });
    const cleaning = await btm.clean({ kept: 1, dryRun: true });
    expect(await btm.clean({ kept: 1 })).toEqual({ ...cleaning, dryRun: false });
  });

  it("many plans at once do no harm to what is live", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0]);
    const live = volume().live();
    for (let round = 0; round < (isSlow ? 2 : 5); round++) {
      await Promise.all([0, 1, 2].map(() => btmOf(volume()).rollback(0, { dryRun: true })));
      expect(volume().live(), `round ${String(round)}`).toEqual(live);
    }
  });

  it("confirm is asked with the plan; yes carries it out", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10]);
    const asked: (RollbackResult | CleanResult)[] = [];
    const yes = (plan: RollbackResult | CleanResult): Promise<boolean> => {
      asked.push(plan);
      return Promise.resolve(true);
    };
    const rolled = await btm.rollback(0, { confirm: yes });
    const cleaned = await btm.clean({ confirm: yes });
    expect(asked).toEqual([rolled, cleaned]);
    expect(volume().read("height")).toBe("0");
  });

  it("confirm answered with no changes nothing", async () => {
    const btm = btmOf(volume());
    await volume().snapshotByHand(5);
    await grow(btm, volume(), [0, 10]);
    const before = volume().everything({ exact: true });
    const no = (): Promise<boolean> => Promise.resolve(false);
    await failureOf(btm.rollback(0, { confirm: no }), "DECLINED");
    await failureOf(btm.clean({ confirm: no }), "DECLINED");
    await failureOf(btm.adopt({ confirm: no }), "DECLINED");
    expect(volume().everything({ exact: true })).toEqual(before);
  });

  it("snapshots are taken while a person thinks, and a plan that no longer holds is not carried out", async () => {
    const btm = btmOf(volume());
    await volume().snapshotByHand(5);
    await grow(btm, volume(), [0, 10]);
    let next = 20;
    const meanwhile = async (): Promise<boolean> => {
      await volume().snapshotByHand(next + 9);
      await grow(btmOf(volume()), volume(), [next]);
      next += 10;
      return true;
    };
    await failureOf(btm.rollback(undefined, { confirm: meanwhile }), "PLAN_CHANGED");
    await failureOf(btm.clean({ confirm: meanwhile }), "PLAN_CHANGED");
    await failureOf(btm.adopt({ confirm: meanwhile }), "PLAN_CHANGED");
    expect(await listed(btm)).toEqual([0n, 5n, 10n, 20n, 29n, 30n, 39n, 40n, 49n]);
    expect(volume().read("height")).toBe("40");
  });

  it("a plan that still holds is carried out, whatever else changed", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10, 20]);
    const meanwhile = async (): Promise<boolean> => {
      volume().write("height", "written meanwhile");
      await btmOf(volume()).clean({ kept: 2 });
      return true;
    };
    await btm.rollback(10, { confirm: meanwhile });
    expect(volume().read("height")).toBe("10");
    expect(await listed(btm)).toEqual([10n]);
  });

  it("a snapshot taken meanwhile changes the plan", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10]);
    const meanwhile = async (): Promise<boolean> => {
      await grow(btmOf(volume()), volume(), [20]);
      return true;
    };
    await failureOf(btm.rollback(0, { confirm: meanwhile }), "PLAN_CHANGED");
    expect([volume().read("height"), await listed(btm)]).toEqual(["20", [0n, 10n, 20n]]);
  });
}
