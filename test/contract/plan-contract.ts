import { expect, it } from "vitest";

import type { CleanResult, RollbackResult } from "../../src/index.ts";
import { failureOf } from "../support/expect-code.ts";
import type { CurrentVolume } from "./driver-contract.ts";
import { btmOf, grow, heightsOf, listed } from "./helpers.ts";

export function planContract(volume: CurrentVolume): void {
  it("a dry run changes nothing at all, and says what would be done", async () => {
    const btm = btmOf(volume(), { cap: 2 });
    await grow(btm, volume(), [0, 10]);
    await volume().snapshotByHand(5);
    const before = volume().everything({ exact: true });
    const dryRun = true;
    expect(await btm.snapshot(20, { dryRun })).toMatchObject({ dryRun, taken: true, reason: "due", pruned: [0n] });
    expect(await btm.snapshot(11, { dryRun })).toMatchObject({ dryRun, taken: false, reason: "not-due", pruned: [] });
    expect(await btm.rollback(0, { dryRun })).toMatchObject({ dryRun, target: { height: 0n }, undo: { number: 1 } });
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
    for (let round = 0; round < 5; round++) {
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
    await grow(btm, volume(), [0, 10]);
    await volume().snapshotByHand(5);
    const before = volume().everything({ exact: true });
    const no = (): Promise<boolean> => Promise.resolve(false);
    await failureOf(btm.rollback(0, { confirm: no }), "DECLINED");
    await failureOf(btm.clean({ confirm: no }), "DECLINED");
    await failureOf(btm.adopt({ confirm: no }), "DECLINED");
    expect(volume().everything({ exact: true })).toEqual(before);
  });

  it("snapshots are taken while a person thinks, and a plan that no longer holds is not carried out", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10]);
    await volume().snapshotByHand(5);
    let next = 20;
    const meanwhile = async (): Promise<boolean> => {
      await grow(btmOf(volume()), volume(), [next]);
      next += 10;
      await volume().snapshotByHand(next - 1);
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
    await grow(btm, volume(), [0, 10]);
    const meanwhile = async (): Promise<boolean> => {
      await grow(btmOf(volume()), volume(), [20]);
      return true;
    };
    await btm.rollback(0, { confirm: meanwhile });
    expect(volume().read("height")).toBe("0");
    expect(await listed(btm)).toEqual([0n, 10n, 20n]);
  });
}
