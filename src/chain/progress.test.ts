import fc from "fast-check";
import { describe, expect, it } from "vitest";

import type { Height } from "../height.ts";
import type { Reading } from "./family.ts";
import { type Judgement, Progress } from "./progress.ts";

const STUCK_AFTER_MS = 600_000;

function progressOf(options: { chain?: string; last?: bigint } = {}): Progress {
  const last = options.last as Height | undefined;
  return new Progress({ chain: options.chain, last, stuckAfterMs: STUCK_AFTER_MS });
}

function at(height: bigint, more: Partial<Reading> = {}): Reading {
  const block = { height: height as Height, hash: undefined };
  return { head: block, chosen: block, isSyncing: false, chain: "one", ...more };
}

/** What is handed on, of readings one second apart. */
function delivered(progress: Progress, heights: readonly bigint[]): bigint[] {
  return heights.flatMap((height, i) => progress.judge(at(height), i * 1000).deliver?.height ?? []);
}

it("hands on each height once", () => {
  expect(delivered(progressOf(), [5n, 5n, 6n, 9n, 9n])).toEqual([5n, 6n, 9n]);
});

it("tells once of a chain that went back, and goes on from there", () => {
  const progress = progressOf();
  progress.judge(at(100n), 0);
  expect(progress.judge(at(90n), 1)).toMatchObject({
    kind: "backwards",
    from: 100n,
    to: 90n,
    deliver: { height: 90n },
  });
  expect(progress.judge(at(90n), 2)).toMatchObject({ kind: "following", deliver: undefined });
  expect(progress.judge(at(95n), 3)).toMatchObject({ kind: "following", deliver: { height: 95n } });
});

describe("a height that is far away", () => {
  const isLie = ({ kind, deliver }: Judgement): boolean => kind === "lying" && deliver === undefined;

  it("is not believed at once, nor forgets what was before", () => {
    const progress = progressOf();
    progress.judge(at(100n), 0);
    expect(progress.judge(at(1_000_101n), 1)).toMatchObject({ kind: "lying", deliver: undefined });
    expect(progress.judge(at(101n), 2)).toMatchObject({ kind: "following", deliver: { height: 101n } });
  });

  it("is believed after five readings over a minute", () => {
    const progress = progressOf();
    progress.judge(at(100n), 0);
    for (let s = 1; s <= 60; s++)
      expect(isLie(progress.judge(at(2_000_000n + BigInt(s)), s * 1000)), String(s)).toBe(true);
    expect(progress.judge(at(2_000_061n), 61_000)).toMatchObject({
      kind: "following",
      deliver: { height: 2_000_061n },
    });
  });

  it("is not believed for one reading after a minute", () => {
    const progress = progressOf();
    progress.judge(at(100n), 0);
    for (let i = 1; i <= 4; i++) expect(isLie(progress.judge(at(2_000_000n), i * 60_000))).toBe(true);
    expect(isLie(progress.judge(at(2_000_000n), 5 * 60_000))).toBe(false);
  });

  it("is not believed when it is another one each time", () => {
    const progress = progressOf();
    progress.judge(at(100n), 0);
    for (let i = 1n; i <= 100n; i++) expect(isLie(progress.judge(at(i * 2_000_000n), Number(i) * 1000))).toBe(true);
  });

  it("is believed of a node that is catching up, but not downwards", () => {
    const progress = progressOf();
    progress.judge(at(100n), 0);
    expect(progress.judge(at(9_000_000n, { isSyncing: true }), 1)).toMatchObject({ kind: "syncing" });
    expect(progress.judge(at(0n, { isSyncing: true }), 2).kind).toBe("lying");
  });

  it("is not believed even first, from 2^63 on; then what follows it is", () => {
    const progress = progressOf();
    expect(progress.judge(at(2n ** 63n), 0).kind).toBe("lying");
    for (let s = 1; s < 60; s++) progress.judge(at(2n ** 63n), s * 1000);
    expect(progress.judge(at(2n ** 63n), 60_000).deliver?.height).toBe(2n ** 63n);
    expect(progress.judge(at(2n ** 63n + 1n), 61_000).deliver?.height).toBe(2n ** 63n + 1n);
  });

  it("is measured from what was known before", () => {
    const progress = progressOf({ last: 100n });
    expect(progress.judge(at(5_000_000n), 0).kind).toBe("lying");
    expect(progress.judge(at(50n), 1)).toMatchObject({ kind: "backwards", from: 100n, to: 50n });
  });
});

describe("a chain", () => {
  it("is the first that was believed", () => {
    const progress = progressOf();
    progress.judge(at(1n), 0);
    expect(progress.judge(at(2n, { chain: "two" }), 1)).toMatchObject({
      kind: "wrong-chain",
      deliver: undefined,
      sentence: 'The node is on chain "two", not on "one": nothing it says is used',
    });
    expect(progress.judge(at(2n), 2)).toMatchObject({ kind: "following", deliver: { height: 2n } });
  });

  it("is the one that was configured", () => {
    const progress = progressOf({ chain: "two" });
    expect(progress.judge(at(1n), 0).kind).toBe("wrong-chain");
    expect(progress.last).toBeUndefined();
  });

  it("that is not told is not missed", () => {
    const progress = progressOf({ chain: "two" });
    expect(progress.judge(at(1n, { chain: undefined }), 0).kind).toBe("following");
  });
});

describe("a node that stays where it is", () => {
  it("is stuck after ten minutes, and not when it moves", () => {
    const progress = progressOf();
    progress.judge(at(5n), 0);
    expect(progress.judge(at(5n), STUCK_AFTER_MS - 1).kind).toBe("following");
    expect(progress.judge(at(5n), STUCK_AFTER_MS)).toMatchObject({
      kind: "stuck",
      sentence: "No new height for 10 minutes: its newest block is 5",
    });
    expect(progress.judge(at(6n), STUCK_AFTER_MS + 1).kind).toBe("following");
  });

  it("is stuck when only what is not final moves", () => {
    const progress = progressOf();
    const chosen = { height: 5n as Height, hash: undefined };
    progress.judge(at(5n, { chosen }), 0);
    expect(progress.judge(at(900n, { chosen }), STUCK_AFTER_MS)).toMatchObject({
      kind: "stuck",
      sentence: "No new height for 10 minutes: height 5 counts, and its newest block is 900",
    });
  });

  it("is not stuck for the time in which it could not be asked", () => {
    const progress = progressOf();
    progress.judge(at(5n), 0);
    progress.interrupt();
    expect(progress.judge(at(5n), STUCK_AFTER_MS).kind).toBe("following");
  });

  it("has nothing to hand on before a block is final", () => {
    expect(progressOf().judge(at(5n, { chosen: undefined }), 0)).toMatchObject({
      kind: "following",
      sentence: "Following: its newest block is 5, and none is as final as is asked for",
      deliver: undefined,
    });
  });
});

it("never hands on a height that is not above the one before, but where it says backwards", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.bigInt(0n, 3_000_000n), fc.nat(30_000), fc.boolean())), (readings) => {
      const progress = progressOf();
      let last: bigint | undefined;
      let now = 0;
      for (const [height, wait, isSyncing] of readings) {
        now += wait;
        const { kind, deliver } = progress.judge(at(height, { isSyncing }), now);
        if (deliver === undefined) continue;
        expect(deliver.height).toBe(height);
        if (last !== undefined) expect(deliver.height < last).toBe(kind === "backwards");
        expect(deliver.height).not.toBe(last);
        last = deliver.height;
      }
    }),
  );
});
