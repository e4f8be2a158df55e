import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { MAX_HEIGHT } from "../height.ts";
import { fadeBound } from "./fade.ts";
import { type Algo, type Candidate, decide } from "./retention.ts";

const algo = fc.constantFrom<Algo>("fair", "fade");
const candidates = fc
  .uniqueArray(fc.oneof(fc.bigInt({ min: 0n, max: 500n }), fc.bigInt({ min: 0n, max: MAX_HEIGHT })), {
    maxLength: 60,
    size: "max",
  })
  .chain((heights) =>
    fc.tuple(...heights.map((height) => fc.record({ height: fc.constant(height), pinned: fc.boolean() }))),
  );
const head = fc.oneof(fc.bigInt({ min: 0n, max: 600n }), fc.bigInt({ min: 0n, max: MAX_HEIGHT }));
const cap = fc.integer({ min: 1, max: 70 });

const line = (heights: readonly number[], pinned: readonly number[] = []): Candidate[] =>
  heights.map((height) => ({ height: BigInt(height), pinned: pinned.includes(height) }));
const heights = (kept: readonly Candidate[]): number[] => kept.map(({ height }) => Number(height));
const keptOf = <T extends Candidate>(...args: Parameters<typeof decide<T>>): T[] =>
  decide(...args).flatMap((decision) => (decision.keep ? [decision.snapshot] : []));

describe("every rule", () => {
  it("removes exactly as many as cap demands, and none of the newest, the pinned, and those above the head", () => {
    fc.assert(
      fc.property(algo, candidates, head, cap, (rule, snapshots, at, most) => {
        const kept = new Set(keptOf(rule, snapshots, { head: at, cap: most }));
        const counted = snapshots.filter(({ height, pinned }) => height <= at && !pinned);
        const newest = snapshots.filter(({ height }) => height <= at).sort((a, b) => (a.height < b.height ? 1 : -1))[0];
        expect(counted.filter((snapshot) => kept.has(snapshot)).length).toBe(Math.min(counted.length, most));
        for (const snapshot of snapshots) if (snapshot.pinned || snapshot.height > at) expect(kept).toContain(snapshot);
        if (newest !== undefined) expect(kept).toContain(newest);
      }),
    );
  });

  it("decides in the order of the input, leaves it untouched, and whatever its order is", () => {
    fc.assert(
      fc.property(algo, candidates, head, cap, fc.infiniteStream(fc.nat()), (rule, snapshots, at, most, keys) => {
        const before = structuredClone(snapshots);
        const decisions = decide(rule, snapshots, { head: at, cap: most });
        expect(snapshots).toEqual(before);
        expect(decisions.map(({ snapshot }) => snapshot)).toEqual(snapshots);
        const key = new Map(snapshots.map((snapshot) => [snapshot, keys.next().value]));
        const shuffled = [...snapshots].sort((a, b) => (key.get(a) ?? 0) - (key.get(b) ?? 0));
        const again = new Map(
          decide(rule, shuffled, { head: at, cap: most }).map((decision) => [decision.snapshot, decision.reason]),
        );
        for (const { snapshot, reason } of decisions) expect(again.get(snapshot)).toBe(reason);
      }),
    );
  });

  it("removes nothing from what it kept", () => {
    fc.assert(
      fc.property(algo, candidates, head, cap, (rule, snapshots, at, most) => {
        const kept = keptOf(rule, snapshots, { head: at, cap: most });
        expect(keptOf(rule, kept, { head: at, cap: most })).toEqual(kept);
      }),
    );
  });

  it("removes nothing when there is nothing", () => {
    expect(decide("fair", [], { head: 0n, cap: 1 })).toEqual([]);
    expect(decide("fade", [], { head: 0n, cap: 1 })).toEqual([]);
  });

  it("gives a reason for each", () => {
    const snapshots = line([0, 10, 20, 30, 40, 50, 60], [20]);
    const reasons = (rule: Algo): [number, string][] =>
      decide(rule, snapshots, { head: 50n, cap: 3 }).map(({ snapshot, reason }) => [Number(snapshot.height), reason]);
    expect(reasons("fair")).toMatchInlineSnapshot(`
      [
        [
          0,
          "too-old",
        ],
        [
          10,
          "too-old",
        ],
        [
          20,
          "pinned",
        ],
        [
          30,
          "within-cap",
        ],
        [
          40,
          "within-cap",
        ],
        [
          50,
          "newest",
        ],
        [
          60,
          "above-head",
        ],
      ]
    `);
    expect(reasons("fade")).toMatchInlineSnapshot(`
      [
        [
          0,
          "oldest",
        ],
        [
          10,
          "least-missed",
        ],
        [
          20,
          "pinned",
        ],
        [
          30,
          "least-missed",
        ],
        [
          40,
          "needed",
        ],
        [
          50,
          "newest",
        ],
        [
          60,
          "above-head",
        ],
      ]
    `);
  });
});

describe("fair", () => {
  it("keeps the newest cap", () => {
    expect(heights(keptOf("fair", line([0, 10, 20, 30]), { head: 30n, cap: 2 }))).toEqual([20, 30]);
  });
});

describe("fade", () => {
  it("keeps the newest alone at cap 1, and the two ends at cap 2", () => {
    expect(heights(keptOf("fade", line([0, 10, 20, 30]), { head: 30n, cap: 1 }))).toEqual([30]);
    expect(heights(keptOf("fade", line([0, 10, 20, 30]), { head: 30n, cap: 2 }))).toEqual([0, 30]);
  });

  it("removes where the absence hurts least: far back, between close neighbours", () => {
    // Losses of 10 to 40 at head 50: 20/30, 20/20, 20/10, 20/0.
    expect(heights(keptOf("fade", line([0, 10, 20, 30, 40, 50]), { head: 50n, cap: 5 }))).toEqual([0, 20, 30, 40, 50]);
  });

  it("counts a pinned neighbour as a point that can be reached", () => {
    expect(heights(keptOf("fade", line([0, 10, 20, 30, 40, 50], [10]), { head: 50n, cap: 4 }))).toEqual([
      0, 10, 30, 40, 50,
    ]);
  });

  it("keeps cap, not fewer, once there are as many", () => {
    let kept = line([]);
    for (let h = 0; h < 5000; h += 10) {
      kept = keptOf("fade", [...kept, ...line([h])], { head: BigInt(h), cap: 50 });
      expect(kept.length, `at ${String(h)}`).toBe(Math.min(50, h / 10 + 1));
    }
  });

  it("makes no gap larger than its bound, for any interval, cap and history with holes", () => {
    const steps = fc.array(fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 2000 })), {
      minLength: 1,
      maxLength: 600,
    });
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 40 }), fc.bigInt({ min: 1n, max: 1000n }), steps, (most, itv, history) => {
        let kept: Candidate[] = [];
        let at = 0n;
        let bound = 0;
        const natural = new Set<string>();
        for (const step of history) {
          at += BigInt(step) * itv;
          const last = kept.at(-1);
          if (last !== undefined) natural.add(`${String(last.height)}-${String(at)}`);
          const all = [...kept, { height: at, pinned: false }];
          if (all.length > most) bound = Math.max(bound, fadeBound(most, ageOf(all[0], at) / ageOf(all.at(-2), at)));
          kept = keptOf("fade", all, { head: at, cap: most });
          for (const [i, younger] of kept.entries()) {
            const older = kept[i - 1];
            if (older === undefined || natural.has(`${String(older.height)}-${String(younger.height)}`)) continue;
            const loss = Number(younger.height - older.height) / ageOf(younger, at);
            expect(
              loss,
              `between ${String(older.height)} and ${String(younger.height)} at ${String(at)}`,
            ).toBeLessThanOrEqual(bound * (1 + 1e-9));
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it("misses no height of 20,000 intervals by more than 0.15 of its age at cap 100", () => {
    let kept = line([]);
    let worst = 0;
    for (let i = 0; i < 20_000; i++) {
      const at = BigInt(i) * 10n;
      kept = keptOf("fade", [...kept, { height: at, pinned: false }], { head: at, cap: 100 });
      if (i % 101 !== 0) continue;
      kept.forEach((younger, j) => {
        const gap = Number(younger.height - (kept[j - 1]?.height ?? younger.height));
        if (gap > 10) worst = Math.max(worst, gap / ageOf(younger, at));
      });
    }
    expect(worst).toBeLessThanOrEqual(0.15);
    expect(fadeBound(100, 20_000)).toBeLessThan(0.23);
  });
});

function ageOf(candidate: Candidate | undefined, at: bigint): number {
  return Number(at - (candidate?.height ?? at));
}
