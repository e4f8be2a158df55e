import { expect, it } from "vitest";

import { Btm } from "../../src/index.ts";
import { failureOf } from "../support/expect-code.ts";
import type { Traits } from "../support/volumes.ts";
import type { CurrentVolume } from "./driver-contract.ts";
import { btmOf, grow, heightsOf, listed } from "./helpers.ts";

export function overlapContract(volume: CurrentVolume, { destroyedAtOnce, isSlow }: Traits): void {
  it("a signal that has fired stops every call before its first change", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10]);
    const before = volume().everything({ exact: true });
    const signal = AbortSignal.abort();
    const calls = [
      btm.snapshot(20, { signal }),
      btm.list({ signal }),
      btm.rollback(0, { signal }),
      btm.clean({ signal }),
      btm.adopt({ signal }),
      btm.pin(0, { signal }),
      btm.unpin(0, { signal }),
      btm.undo(1, { signal }),
      btm.undoPoints({ signal }),
      btm.dropUndo(1, { signal }),
      btm.recover({ signal }),
      btm.open(0, { signal }),
      btm.close(0, { signal }),
      btm.clones({ signal }),
      btm.overview({ signal }),
    ];
    // All are waited for at once: one that fails while another is waited for would be nobody's.
    await Promise.all(calls.map((call) => failureOf(call, "ABORTED")));
    expect(volume().everything({ exact: true })).toEqual(before);
  });

  it("a signal in the middle of a clean lets it finish what is under way; the next clean does the rest", async () => {
    const stop = new AbortController();
    const onStep = (step: string, when: string): void => {
      if (step === "destroy" && when === "after") stop.abort();
    };
    const btm = new Btm({ volume: volume().volume }, { onStep });
    const heights = [0n, 10n, 20n, 30n];
    await grow(btm, volume(), heights);
    const cleaning = btm.clean({ signal: stop.signal });
    if (destroyedAtOnce < heights.length) await failureOf(cleaning, "ABORTED");
    else await cleaning;
    const rest = heights.slice(destroyedAtOnce);
    expect(await listed(btm)).toEqual(rest);
    expect(heightsOf((await btm.clean()).removed)).toEqual(rest);
  });

  it("a snapshot under way is finished, whatever the signal", async () => {
    const stop = new AbortController();
    const btm = new Btm(
      { volume: volume().volume, cap: 1 },
      {
        onStep: () => {
          stop.abort();
        },
      },
    );
    await btmOf(volume()).snapshot(0);
    expect(await btm.snapshot(10, { signal: stop.signal })).toMatchObject({ taken: true, pruned: [0n] });
  });

  it("a rollback under way is finished, whatever the signal", async () => {
    const stop = new AbortController();
    const btm = new Btm(
      { volume: volume().volume },
      {
        onStep: () => {
          stop.abort();
        },
      },
    );
    await grow(btmOf(volume()), volume(), [0, 10]);
    expect(await btm.rollback(0, { signal: stop.signal })).toMatchObject({ target: { height: 0n } });
    expect(volume().read("height")).toBe("0");
  });

  it("overlapping snapshots, of one btm and of two: every height once, no failure", async () => {
    const [one, other] = [btmOf(volume()), btmOf(volume())];
    const heights = isSlow ? [10, 20, 30] : [10, 20, 30, 40, 50];
    const results = await Promise.all(
      heights.flatMap((height) => [one.snapshot(height), one.snapshot(height), other.snapshot(height)]),
    );
    for (const height of heights) {
      const taken = results.filter((result) => result.height === BigInt(height) && result.taken);
      // A higher one may come first, and then this one is due no less: the newest at or below it counts.
      expect(taken, `height ${String(height)}`).toHaveLength(1);
    }
    expect(await listed(one)).toEqual(heights.map(BigInt));
  });

  it("overlapping cleans and snapshots do not fail each other", async () => {
    const [one, other] = [btmOf(volume()), btmOf(volume())];
    await grow(one, volume(), [0, 10, 20]);
    const [cleaned, taken, again] = await Promise.all([one.clean(), other.snapshot(100), other.clean()]);
    expect([...cleaned.failed, ...again.failed]).toEqual([]);
    expect(taken.taken).toBe(true);
    expect((await listed(one)).filter((height) => height !== 100n)).toEqual([]);
  });

  it("snapshots and lists that overlap rollbacks wait for them, and do not fail", async () => {
    const [one, other] = [btmOf(volume()), btmOf(volume())];
    await grow(one, volume(), [0]);
    const gone: bigint[] = [];
    const heights: bigint[] = [];
    for (let height = 10; height < (isSlow ? 30 : 50); height += 10) {
      const [{ moved }, due, forced] = await Promise.all([
        one.rollback(0, { keepUndo: 9 }),
        other.snapshot(height),
        one.snapshot(height + 1, { force: true }),
        one.list(),
        other.list(),
      ]);
      gone.push(...heightsOf(moved));
      expect([due.taken, forced.taken]).toEqual([true, true]);
      heights.push(BigInt(height), BigInt(height + 1));
    }
    // Which of them came before the rollback is anybody's guess; it tells which did.
    expect(await listed(one)).toEqual([0n, ...heights.filter((height) => !gone.includes(height))]);
    expect((await one.undoPoints()).flatMap(({ snapshots }) => heightsOf(snapshots))).toEqual(gone);
  });

  it("overlapping rollbacks are done one after the other", async () => {
    const [one, other] = [btmOf(volume()), btmOf(volume())];
    await grow(one, volume(), [0, 10]);
    const keepUndo = 9;
    const results = await Promise.all(
      [0, 5, 0].map((height, i) => (i === 1 ? other : one).rollback(height, { keepUndo })),
    );
    expect(results.map((result) => result.undo?.number).sort()).toEqual([1, 2, 3]);
    // Whoever comes after one to 0 finds nothing above it.
    expect(results.flatMap((result) => heightsOf(result.moved))).toEqual([10n]);
    expect([volume().read("height"), await listed(one)]).toEqual(["0", [0n]]);
  });
}
