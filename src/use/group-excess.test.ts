import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { someSnapshot } from "../../test/support/some-snapshot.ts";
import { parseCfg } from "../cfg.ts";
import type { Capabilities, Snapshot, Volume } from "../driver/driver.ts";
import { BtmError } from "../errors.ts";
import { type Height, parseHeight } from "../height.ts";
import type { Algo } from "../retention/retention.ts";
import { Session } from "../session.ts";
import { beyondCap } from "./snapshot.ts";
import { excessOf } from "./group-excess.ts";
import { snapshotGroup } from "./snapshot-group.ts";
import { thinGroup } from "./thin-group.ts";
import { mustStay, type Use } from "./use.ts";

const snapshot = (height: number | bigint, pinned = false): Snapshot => someSnapshot(height, { pinned });

/** From the one to the other, in tens. */
const tens = (from: number, to: number): Snapshot[] =>
  Array.from({ length: (to - from) / 10 + 1 }, (_, i) => snapshot(from + i * 10));

const heightsOf = (snapshots: readonly Pick<Snapshot, "height">[]): number[] =>
  snapshots.map(({ height }) => Number(height));

const algo = fc.constantFrom<Algo>("fair", "fade");
const cap = fc.integer({ min: 1, max: 12 });
const atMost = fc.option(fc.nat(8), { nil: Infinity });
const line = fc
  .uniqueArray(fc.nat(60), { maxLength: 30 })
  .chain((heights) =>
    fc.tuple(
      ...heights
        .sort((a, b) => a - b)
        .map((height) => fc.integer({ min: 0, max: 9 }).map((roll) => snapshot(height, roll === 0))),
    ),
  );
const group = fc.array(line, { minLength: 1, maxLength: 4 });

describe("what goes of a group", () => {
  it("of each is as many as are too many of its own, none of the newest, and none that any must keep", () => {
    fc.assert(
      fc.property(algo, cap, group, atMost, (rule, most, seen, step) => {
        const staying = new Set(seen.flat().flatMap((one) => (mustStay(one) ? [one.height] : [])));
        const excess = excessOf({ algo: rule, cap: most }, seen, { atMost: step });
        for (const [i, own] of seen.entries()) {
          const gone = excess[i] ?? [];
          const free = own.filter(({ height }) => !staying.has(height));
          expect(own.filter((one) => gone.includes(one))).toEqual(gone);
          expect(gone.length).toBe(Math.min(step, Math.max(0, free.length - most)));
          expect(own.length - gone.length).toBeGreaterThanOrEqual(Math.min(own.length, most));
          expect(gone).not.toContain(own.at(-1));
          for (const { height } of gone) expect(staying).not.toContain(height);
        }
      }),
    );
  });

  it("is what the rule says of one, where all have the same", () => {
    fc.assert(
      fc.property(algo, cap, line, fc.integer({ min: 1, max: 4 }), fc.boolean(), (rule, most, own, count, isNew) => {
        const taken = isNew ? parseHeight(60) : undefined;
        const head = taken ?? own.at(-1)?.height;
        const wanted = head === undefined ? [] : beyondCap({ algo: rule, cap: most }, own, head);
        for (const gone of excessOf({ algo: rule, cap: most }, Array<Snapshot[]>(count).fill(own), { taken })) {
          expect(gone).toEqual(wanted);
        }
      }),
    );
  });

  it("by fair is what it says of each alone, but for what others pin", () => {
    fc.assert(
      fc.property(cap, group, (most, seen) => {
        const staying = new Set(seen.flat().flatMap((one) => (mustStay(one) ? [one.height] : [])));
        const excess = excessOf({ algo: "fair", cap: most }, seen);
        for (const [i, own] of seen.entries()) {
          const free = own.filter(({ height }) => !staying.has(height));
          expect(excess[i]).toEqual(free.slice(0, Math.max(0, free.length - most)));
        }
      }),
    );
  });

  it("of what all have is the same of all: of one more than of another at the most", () => {
    fc.assert(
      fc.property(algo, cap, group, atMost, (rule, most, seen, step) => {
        const isShared = ({ height }: Snapshot): boolean =>
          seen.every((own) => own.some((other) => other.height === height));
        const gone = excessOf({ algo: rule, cap: most }, seen, { atMost: step })
          .map((own) => new Set(own.filter(isShared).map(({ height }) => height)))
          .sort((a, b) => a.size - b.size);
        for (const [i, own] of gone.entries()) {
          for (const height of own) for (const larger of gone.slice(i)) expect(larger).toContain(height);
        }
      }),
    );
  });

  it("leaves nothing to go", () => {
    fc.assert(
      fc.property(algo, cap, group, (rule, most, seen) => {
        const excess = excessOf({ algo: rule, cap: most }, seen);
        const left = seen.map((own, i) => own.filter((one) => excess[i]?.includes(one) !== true));
        expect(excessOf({ algo: rule, cap: most }, left).flat()).toEqual([]);
      }),
    );
  });
});

interface Disk {
  snapshots: Snapshot[];
  failure?: BtmError;
}

function useOf(disk: Disk, name: string, options: { cap?: number; algo?: Algo } = {}): Use {
  const unlisted = (): Promise<never> => Promise.reject(disk.failure ?? new Error("It can be listed"));
  const volume = {
    name,
    pool: "tank",
    close: () => undefined,
    lock: () => Promise.resolve(true),
    tryLock: () => Promise.resolve(true),
    recover: () => Promise.resolve({ done: [], left: [] }),
    snapshotBlockers: () => Promise.resolve([]),
    snapshots: (how?: string) =>
      disk.failure === undefined || how === "from-memory" ? Promise.resolve([...disk.snapshots]) : unlisted(),
    createTogether: (others: readonly { create: (height: Height) => void }[], height: Height) => {
      for (const one of [volume, ...others]) one.create(height);
      return Promise.resolve(true);
    },
    create: (height: Height) => {
      disk.snapshots.push(snapshot(height));
    },
    destroy: (gone: readonly Snapshot[]) => {
      disk.snapshots = disk.snapshots.filter((one) => !gone.includes(one));
      return Promise.resolve(gone.map((one) => ({ snapshot: one, error: undefined })));
    },
  };
  const capabilities: Partial<Capabilities> = { atomicGroups: true, memoryIsCurrent: false };
  return {
    cfg: parseCfg({ volume: `tank/${name}`, itv: 10, ...options }),
    onStep: () => undefined,
    capabilities: () => Promise.resolve(capabilities as Capabilities),
    run: (signal, use) =>
      Session.run({ open: () => Promise.resolve(volume as unknown as Volume), lockTimeoutMs: 0, signal }, use),
  };
}

describe("thinning a group", () => {
  it.each<[Algo, number[]]>([
    ["fair", [980, 990, 1000]],
    ["fade", [500, 990, 1000]],
  ])("by %s leaves one what it has, though another has newer ones", async (rule, kept) => {
    const ahead: Disk = { snapshots: tens(500, 1000) };
    const behind: Disk = { snapshots: tens(410, 500) };
    const members = [useOf(ahead, "a", { algo: rule }), useOf(behind, "b", { algo: rule })];
    const [, second] = await thinGroup(members, { cap: 3 });
    expect(second?.removed.length).toBe(7);
    expect(behind.snapshots.length).toBe(3);
    expect(behind.snapshots.at(-1)?.height).toBe(500n);
    expect(heightsOf(ahead.snapshots)).toEqual(kept);
  });

  it("thins none when one cannot be listed", async () => {
    const one: Disk = { snapshots: tens(10, 100) };
    const other: Disk = { snapshots: tens(10, 100), failure: new BtmError("SYSTEM_ERROR", "It cannot be listed") };
    await expect(thinGroup([useOf(one, "a"), useOf(other, "b")], { cap: 3 })).rejects.toThrow("It cannot be listed");
    expect([one.snapshots.length, other.snapshots.length]).toEqual([10, 10]);
  });
});

it("a snapshot of a group is taken and nothing thinned when one cannot be listed, which is told", async () => {
  const one: Disk = { snapshots: tens(10, 30) };
  const other: Disk = { snapshots: tens(10, 30) };
  const members = [useOf(one, "a", { cap: 3 }), useOf(other, "b", { cap: 3 })];
  other.failure = new BtmError("SYSTEM_ERROR", "It cannot be listed");
  const result = await snapshotGroup(members, 40, {});
  expect(result).toMatchObject({ taken: true, pruned: [] });
  for (const { failed } of result.members) {
    expect(failed).toMatchObject([{ snapshot: { height: 10n }, error: { message: "It cannot be listed" } }]);
  }
  expect([one, other].map(({ snapshots }) => heightsOf(snapshots))).toEqual(Array(2).fill([10, 20, 30, 40]));
  delete other.failure;
  expect((await snapshotGroup(members, 50, {})).pruned).toEqual([10n, 20n]);
});
