import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { expect, it } from "vitest";

import { due, type Height, parseHeight } from "../height.ts";
import { VolumeQueue } from "./volume-queue.ts";

const at = (height: bigint | number): Height => parseHeight(height);

/** A disk whose snapshots are taken when told. */
class Disk {
  heights: Height[] = [];
  /** Those of them that have no mark. */
  foreign: Height[] = [];
  looks = 0;
  taken: Height[] = [];
  failures: unknown[] = [];
  now = 0;
  readonly queue: VolumeQueue;
  /** Set, each take waits for it. */
  gate: PromiseWithResolvers<undefined> | undefined;
  broken: Error | undefined;

  constructor(heights: readonly number[] = [], pins: readonly number[] = []) {
    this.heights = heights.map(at);
    this.queue = new VolumeQueue({
      itv: 10n,
      pins: new Set(pins.map(at)),
      take: async (height) => {
        await this.gate?.promise;
        if (this.broken !== undefined) throw this.broken;
        const last = this.heights.findLast((known) => known <= height && !this.foreign.includes(known));
        const rest = { height, last, pruned: [], failed: [], recovered: [], dryRun: false };
        if (this.heights.includes(height)) return { taken: false, reason: "exists", ...rest };
        this.heights = [...this.heights, height].sort((a, b) => (a < b ? -1 : 1));
        this.taken.push(height);
        return { taken: true, reason: "due", ...rest };
      },
      look: () => {
        this.looks++;
        if (this.broken !== undefined) return Promise.reject(this.broken);
        const seen = this.heights.map((height) => ({ height, isOurs: !this.foreign.includes(height) }));
        return Promise.resolve(seen);
      },
      now: () => this.now,
      onFailure: (error) => this.failures.push(error),
    });
  }
}

it("takes what is due, and answers the rest from memory", async () => {
  const disk = new Disk();
  expect(await disk.queue.ask(at(5))).toMatchObject({ taken: true, reason: "due" });
  for (let height = 6; height < 10; height++) {
    expect(await disk.queue.ask(at(height))).toMatchObject({ taken: false, reason: "not-due", last: 5n });
  }
  expect(await disk.queue.ask(at(10))).toMatchObject({ taken: true });
  expect(disk.looks).toBe(1);
});

it("is idempotent for one height, also while it is under way", async () => {
  const disk = new Disk([0]);
  const answers = await Promise.all([disk.queue.ask(at(10)), disk.queue.ask(at(10)), disk.queue.ask(at(10))]);
  expect(answers.map(({ taken, reason }) => [taken, reason])).toEqual([
    [true, "due"],
    [false, "exists"],
    [false, "exists"],
  ]);
  expect(await disk.queue.ask(at(10))).toMatchObject({ taken: false, reason: "exists" });
  expect(disk.taken).toEqual([10n]);
});

it("lets the newest due height win while one is under way", async () => {
  const disk = new Disk([0]);
  await disk.queue.ask(at(1));
  disk.gate = Promise.withResolvers();
  const first = disk.queue.ask(at(10));
  await setImmediate();
  const second = disk.queue.ask(at(20));
  expect(await disk.queue.ask(at(11))).toMatchObject({ reason: "not-due", last: 10n });
  const third = disk.queue.ask(at(30));
  // It is told at once, not when the disk is free.
  expect(await second).toMatchObject({ taken: false, reason: "superseded", winner: 30n });
  disk.gate.resolve(undefined);
  expect(await first).toMatchObject({ taken: true });
  expect(await third).toMatchObject({ taken: true });
  expect(disk.taken).toEqual([10n, 30n]);
});

it("skips no pinned height, and takes it although it is not due", async () => {
  const disk = new Disk([0], [13]);
  await disk.queue.ask(at(1));
  disk.gate = Promise.withResolvers();
  const answers = [10, 13, 20, 30].map((height) => disk.queue.ask(at(height)));
  disk.gate.resolve(undefined);
  await Promise.all(answers);
  expect(disk.taken).toContain(13n);
  expect(disk.taken).toContain(30n);
});

it("looks again when the chain is below what is remembered", async () => {
  const disk = new Disk([0, 10, 20, 30]);
  expect(await disk.queue.ask(at(31))).toMatchObject({ reason: "not-due" });
  // btm rollback -s 10, by somebody else
  disk.heights = [at(0), at(10)];
  disk.now = 1000;
  expect(await disk.queue.ask(at(11))).toMatchObject({ reason: "not-due", last: 10n });
  expect(await disk.queue.ask(at(20))).toMatchObject({ taken: true });
  expect(disk.looks).toBe(2);
});

it("reads the disk once a second at the most, whatever the newest height is", async () => {
  const disk = new Disk([0]);
  expect(await disk.queue.ask(at(2n ** 64n - 1n))).toMatchObject({ taken: true });
  for (let height = 1; height <= 100; height++) {
    expect((await disk.queue.ask(at(height))).taken).toBe(height % 10 === 0);
  }
  expect(disk.looks).toBe(1);
  for (let second = 1; second <= 5; second++) {
    disk.now = second * 1000;
    const answers = await Promise.all([101, 102, 103, 104].map((height) => disk.queue.ask(at(height))));
    expect(answers.map(({ reason, last }) => [reason, last])).toEqual(Array(4).fill(["not-due", 100n]));
  }
  expect(disk.looks).toBe(6);
});

it("lets the newest win below the newest on the disk as well", async () => {
  const disk = new Disk([0]);
  await disk.queue.ask(at(2n ** 64n - 1n));
  disk.gate = Promise.withResolvers();
  const first = disk.queue.ask(at(10));
  await setImmediate();
  const second = disk.queue.ask(at(20));
  const third = disk.queue.ask(at(30));
  expect(await second).toMatchObject({ reason: "superseded", winner: 30n });
  disk.gate.resolve(undefined);
  await Promise.all([first, third]);
  expect(disk.taken).toEqual([2n ** 64n - 1n, 10n, 30n]);
});

it("judges by its own snapshots what is due, and by all of them what exists", async () => {
  const disk = new Disk([0, 15, 23]);
  disk.foreign = [at(15), at(23)];
  expect(await disk.queue.ask(at(15))).toMatchObject({ taken: false, reason: "exists", last: 0n });
  expect(await disk.queue.ask(at(16))).toMatchObject({ taken: true, last: 0n });
  expect(await disk.queue.ask(at(24))).toMatchObject({ taken: true, last: 16n });
  disk.now = 5000;
  // Others may have removed theirs.
  const { looks } = disk;
  expect(await disk.queue.ask(at(23))).toMatchObject({ reason: "exists", last: 16n });
  expect(disk.looks).toBe(looks + 1);
});

it("looks at the disk once in a while, and answers meanwhile", async () => {
  const disk = new Disk([0, 10]);
  await disk.queue.ask(at(11));
  disk.heights = [at(0)];
  disk.now = 61_000;
  expect(await disk.queue.ask(at(12))).toMatchObject({ reason: "not-due", last: 10n });
  await disk.queue.drain();
  expect(await disk.queue.ask(at(13))).toMatchObject({ taken: true, last: 0n });
});

it("goes on after a failure, which those who wait are told", async () => {
  const disk = new Disk([0]);
  await disk.queue.ask(at(1));
  disk.broken = new Error("EIO");
  await expect(disk.queue.ask(at(10))).rejects.toThrow("EIO");
  await expect(disk.queue.ask(at(11))).rejects.toThrow("EIO");
  expect(disk.failures.length).toBeGreaterThanOrEqual(2);
  // Not due needs no disk.
  expect(await disk.queue.ask(at(9))).toMatchObject({ reason: "not-due" });
  disk.broken = undefined;
  expect(await disk.queue.ask(at(12))).toMatchObject({ taken: true });
});

it("misses no interval of a chain that waits for the answers, whatever it skips and repeats", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(40), { maxLength: 40 }), async (heights) => {
      const disk = new Disk();
      for (const height of heights) {
        const last = disk.heights.findLast((known) => known <= height);
        const isDue = last !== BigInt(height) && due(BigInt(height), last, 10n);
        expect((await disk.queue.ask(at(height))).taken).toBe(isDue);
      }
    }),
  );
});

it("answers every request once, and takes no height twice, however they come", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(60), { maxLength: 60 }), async (heights) => {
      const disk = new Disk([], [7, 33]);
      const answers = await Promise.all(heights.map((height) => disk.queue.ask(at(height))));
      expect(answers.map(({ height }) => Number(height))).toEqual(heights);
      const taken = answers.filter((answer) => answer.taken).map(({ height }) => height);
      expect([...taken].sort()).toEqual([...disk.taken].sort());
      expect(new Set(disk.taken).size).toBe(disk.taken.length);
      for (const { reason, winner } of answers) expect(winner !== undefined).toBe(reason === "superseded");
    }),
  );
});
