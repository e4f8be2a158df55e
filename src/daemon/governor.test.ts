import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { someSnapshot } from "../../test/support/some-snapshot.ts";
import type { Snapshot, UndoPoint } from "../driver/driver.ts";
import { parseConfig } from "./config-file.ts";
import type { FreeSpace } from "./free-space.ts";
import { Governor, type GovernorDeps } from "./governor.ts";
import { Log } from "./log.ts";

it("says once that it cannot tell how much is free, and once that it can again", async () => {
  const [config] = parseConfig('[volumes.node]\nvolume = "/data"', "btm.toml").volumes;
  if (config === undefined) throw new Error("There is no volume");
  const lines: string[] = [];
  let space: FreeSpace | undefined;
  const unexpected = (): Promise<never> => Promise.reject(new Error("The disk was touched"));
  const governor = new Governor({
    config,
    btm: { thin: unexpected, undoPoints: unexpected, dropUndo: unexpected, list: unexpected },
    space: () => Promise.resolve(space),
    log: new Log({ write: (line) => lines.push(line), isJournal: true, now: () => new Date() }),
    makeWay: () => Promise.resolve(false),
    onRemoved: () => undefined,
    now: () => 0,
  });
  for (let i = 0; i < 3; i++) await governor.step();
  space = { free: 50n, size: 100n };
  for (let i = 0; i < 3; i++) await governor.step();
  space = undefined;
  await governor.step();
  expect(lines).toEqual([
    "<4>node: cannot tell how much space is free: min_free is not watched\n",
    "<6>node: it can be told again how much space is free\n",
    "<4>node: cannot tell how much space is free: min_free is not watched\n",
  ]);
});

it("ends what can be done later before any snapshot goes, and looks again", async () => {
  const [config] = parseConfig('[volumes.node]\nvolume = "/data"\n', "btm.toml").volumes;
  if (config === undefined) throw new Error("There is no volume");
  const done: string[] = [];
  const ways = [true, false];
  const told = (what: string): never => {
    done.push(what);
    throw new Error(what);
  };
  const governor = new Governor({
    config,
    btm: {
      thin: () => told("thin"),
      undoPoints: () => told("undo points"),
      dropUndo: () => told("drop"),
      list: () => told("list"),
    },
    space: () => Promise.resolve({ free: 1n, size: 100n }),
    log: new Log({ write: () => undefined, isJournal: true, now: () => new Date() }),
    makeWay: () => {
      done.push("make way");
      return Promise.resolve(ways.shift() ?? false);
    },
    onRemoved: () => undefined,
    now: () => 0,
  });
  await governor.step();
  expect(done).toEqual(["make way"]);
  await governor.step();
  expect(done).toEqual(["make way", "make way", "list"]);
});

/** What two volumes that are thinned together have, of a pool that is short of space. */
interface Pool {
  /** Snapshots of each. */
  left: number;
  /** Of them those that never go. */
  readonly pinned: number;
  /** Undo points of each. */
  readonly points: Map<string, number>;
  readonly lines: string[];
  /** How many snapshots were left, each time that an undo point was dropped. */
  readonly leftAtDrop: number[];
}

const poolOf = (left: number, pinned: number, points: number): Pool => ({
  left,
  pinned,
  points: new Map([
    ["a", points],
    ["b", points],
  ]),
  lines: [],
  leftAtDrop: [],
});

const MIN_KEEP = 3;

/** @param waits how long each call takes, in turns of the queue of microtasks */
function siblingsIn(pool: Pool, waits: () => number): Governor[] {
  const wait = async (): Promise<void> => {
    for (let i = waits(); i > 0; i--) await Promise.resolve();
  };
  let thinning = Promise.resolve();
  const volumeOf = (name: string): string =>
    `[volumes.${name}]\nvolume = "/${name}"\nmin_free = 100\nmin_keep = ${String(MIN_KEEP)}\n`;
  return parseConfig(volumeOf("a") + volumeOf("b"), "btm.toml").volumes.map((config) => {
    const pointsOf = (): number => pool.points.get(config.name) ?? 0;
    const thin: GovernorDeps["btm"]["thin"] = ({ cap, atMost = Infinity }) => {
      // As under the locks of all: one after the other.
      const thinned = thinning.then(async () => {
        await wait();
        const count = Math.max(0, Math.min(atMost, pool.left - pool.pinned - Number(cap)));
        pool.left -= count;
        return { removed: some(count), failed: [], recovered: [] };
      });
      thinning = thinned.then(() => undefined);
      return thinned;
    };
    return new Governor({
      config,
      btm: {
        thin,
        list: async () => {
          await wait();
          return some(pool.left);
        },
        undoPoints: () =>
          Promise.resolve(Array.from({ length: pointsOf() }, (_, i) => ({ number: i + 1 }) as unknown as UndoPoint)),
        dropUndo: () => {
          pool.points.set(config.name, pointsOf() - 1);
          pool.leftAtDrop.push(pool.left);
          return Promise.resolve({ points: [], blockers: [], warnings: [], recovered: [], dryRun: false });
        },
      },
      space: () => Promise.resolve({ free: 60n, size: 1000n }),
      log: new Log({ write: (line) => pool.lines.push(line), isJournal: true, now: () => new Date() }),
      makeWay: () => Promise.resolve(false),
      onRemoved: () => undefined,
      now: () => 0,
    });
  });
}

function some(count: number): Snapshot[] {
  return Array.from({ length: count }, (_, i) => someSnapshot(i));
}

describe("of two whose snapshots go together", () => {
  it("none thinks that nothing may go because the other has just let it go", async () => {
    const pool = poolOf(40, 0, 1);
    const governors = siblingsIn(pool, () => 0);
    const left: number[] = [];
    for (let tick = 0; tick < 4; tick++) {
      await Promise.all(governors.map((governor) => governor.step()));
      left.push(pool.left);
    }
    expect(left).toEqual([30, 20, 10, MIN_KEEP]);
    expect([...pool.points.values()]).toEqual([1, 1]);
    expect(governors.map(({ isPaused }) => isPaused)).toEqual([false, false]);
    expect(pool.lines.filter((line) => !line.includes("removed"))).toEqual([]);
  });

  it("first all go that may, then undo points, and only then none is taken, however long each takes", async () => {
    const waits = fc.infiniteStream(fc.nat(6));
    await fc.assert(
      fc.asyncProperty(fc.nat(60), fc.nat(9), fc.nat(2), waits, async (free, pinned, points, turns) => {
        const pool = poolOf(free + pinned, pinned, points);
        const governors = siblingsIn(pool, () => Number(turns.next().value));
        const last = Math.min(free, MIN_KEEP) + pinned;
        for (let tick = 0; tick < 80; tick++) {
          await Promise.all(governors.map((governor) => governor.step()));
          for (const [i, name] of [...pool.points.keys()].entries()) {
            if (governors[i]?.isPaused === true) expect([pool.left, pool.points.get(name)]).toEqual([last, 0]);
          }
        }
        expect(pool.left).toBe(last);
        for (const at of pool.leftAtDrop) expect(at).toBe(last);
        expect([...pool.points.values()]).toEqual([0, 0]);
        expect(governors.map(({ isPaused }) => isPaused)).toEqual([true, true]);
      }),
    );
  });
});
