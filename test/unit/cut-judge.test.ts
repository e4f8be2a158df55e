import { describe, expect, it } from "vitest";

import type { Event, Look, Moment, Operation, Seen, Timeline } from "../cut/events.ts";
import { differences, faults, worldsOf } from "../cut/judge.ts";
import { type Content, endOf, extended, type LogEnd, recordOf } from "../cut/log.ts";
import { btrfs, zfs } from "../cut/traits.ts";

/** A log of records up to a serial. */
function logOf(serial: number): LogEnd {
  let end: LogEnd = endOf("");
  for (let i = 1; i <= serial; i++) end = extended(end, i);
  return end;
}

const content = (serial: number, block: string): Content => ({ log: logOf(serial), block });
const line = (live: Content, snapshots: Record<number, Content>): Timeline => ({ live, snapshots });
const look = (volume: Timeline, undo: Record<number, Timeline> = {}): Look => ({ volume, undo, leftovers: [] });
const start = (before: Look): Event => ({ kind: "start", look: before });
const begin = (operation: Operation): Event => ({ kind: "begin", operation });

function steps(operation: Moment["operation"], ...names: string[]): Event[] {
  return names.map((name) => {
    const [when, ...step] = name.split(" ");
    return { kind: "step", operation, step: step.join(" "), when: when === "before" ? "before" : "after" };
  });
}

/** The states that fit what was seen. */
function verdict(
  traits: typeof zfs,
  events: readonly Event[],
  acks: readonly number[],
  found: Look,
  recovered: readonly string[] = [],
): string[] {
  return worldsOf(traits, events, acks)
    .filter((world) => differences(world, { look: found, recovered }).length === 0)
    .map((world) => world.name);
}

const [zero, ten] = [content(2, "A"), content(4, "B")];
const both = { 0: zero, 10: ten };
const before = start(look(line(ten, both)));

describe("after a cut between two operations", () => {
  it.each([
    ["all that was acknowledged", content(6, "B"), ["as before"]],
    ["one record more, written and not acknowledged", content(7, "B"), ["as before"]],
    ["a record less", content(5, "B"), []],
    ["another block", content(6, "A"), []],
  ])("%s", (_, live, worlds) => {
    expect(verdict(zfs, [before], [5, 6], look(line(live, both)))).toEqual(worlds);
  });
});

describe("after a cut during a snapshot", () => {
  const live = content(8, "C");
  const take: Event[] = [{ kind: "renew", block: "C" }, begin({ name: "snapshot", height: 20, pruned: [0], acked: 6 })];
  const during = [before, ...take, ...steps("snapshot", "before snapshot")];
  const after = [...during, ...steps("snapshot", "after snapshot", "before destroy")];
  const thinned = [...after, ...steps("snapshot", "after destroy")];
  const twenty = content(7, "C");
  it.each([
    ["none", during, both, ["as before"], ["as before"]],
    ["one that ends in between", during, { ...both, 20: twenty }, ["taken"], ["taken"]],
    ["one that lacks what was written before", during, { ...both, 20: content(5, "C") }, [], []],
    ["one with the block of before", during, { ...both, 20: content(7, "B") }, [], []],
    ["none, although it was reported", after, both, [], []],
    ["the thinning before it was begun", during, { 10: ten, 20: twenty }, [], []],
    ["the thinning", after, { 10: ten, 20: twenty }, ["taken, 0 gone"], ["taken, 0 gone"]],
    ["no thinning, although it was done", thinned, { ...both, 20: twenty }, [], ["taken"]],
    ["another one thinned", after, { 0: zero, 20: twenty }, [], []],
    ["an older one that is broken", after, { 0: zero, 10: content(3, "B"), 20: twenty }, [], []],
  ])("%s", (_, events, snapshots, ofZfs, ofBtrfs) => {
    expect(verdict(zfs, events, [5, 6, 7, 8], look(line(live, snapshots)))).toEqual(ofZfs);
    expect(verdict(btrfs, events, [5, 6, 7, 8], look(line(live, snapshots)))).toEqual(ofBtrfs);
  });
});

describe("after a cut during a rollback", () => {
  const now = content(6, "B");
  const moved = line(now, both);
  const stage = [before, begin({ name: "rollback", target: 0, keepUndo: 1, acked: 6 })];
  const until = [...stage, ...steps("rollback", "before write journal", "before exchange")];
  const synced = [...until, ...steps("rollback", "after exchange", "before sync again", "after sync again")];
  const finished = "Finished the interrupted rollback to 0; what was live is kept";
  it.each([
    ["nothing is done", until, look(moved), [], ["as before"]],
    ["undone by recovery", until, look(moved), ["Undid the interrupted rollback to 0"], ["as before"]],
    ["all of it is done", until, look(line(zero, { 0: zero }), { 1: moved }), [finished], ["done"]],
    ["done by then", synced, look(line(zero, { 0: zero }), { 1: moved }), [], ["done"]],
    ["the newer are gone, and live is as it was", until, look(line(now, { 0: zero })), [], []],
    ["live is gone back, and nothing is kept", until, look(line(zero, { 0: zero })), [], []],
    ["the newer are still the volume's", until, look(line(zero, both), { 1: moved }), [finished], []],
    ["what is kept is not what was live", until, look(line(zero, { 0: zero }), { 1: line(zero, both) }), [], []],
    ["what is kept lacks a snapshot", until, look(line(zero, { 0: zero }), { 1: line(now, { 10: ten }) }), [], []],
    ["by another number", until, look(line(zero, { 0: zero }), { 2: moved }), [], []],
    ["an undo point of nothing", until, look(moved, { 1: moved }), [], []],
    ["a record is lost", until, look(line(content(5, "B"), both)), [], []],
    ["a record is lost of what is kept", until, look(line(zero, { 0: zero }), { 1: line(ten, both) }), [], []],
    ["it speaks of what was not done", until, look(moved), [finished], []],
    ["it says it undid what is done", until, look(line(zero, { 0: zero }), { 1: moved }), ["Undid it"], []],
    ["done too early", stage, look(line(zero, { 0: zero }), { 1: moved }), [], []],
    ["undone although it was on the disk", synced, look(moved), [], []],
  ])("%s", (_, events, found, recovered, worlds) => {
    expect(verdict(btrfs, events, [5, 6], found, recovered)).toEqual(worlds);
  });
});

describe("after a cut during an undo", () => {
  // The undo point shares the snapshot 0 with the volume, whose 10 is another.
  const [old, other] = [line(content(6, "B"), both), content(3, "D")];
  const volume = line(other, { 0: zero, 10: other });
  const undo = (keepUndo: number): Event[] => [
    start(look(volume, { 3: old, 5: old })),
    begin({ name: "undo", point: 3, keepUndo, acked: 3 }),
    ...steps("undo", "before exchange"),
  ];
  it.each([
    ["as it was", undo(3), look(volume, { 3: old, 5: old }), ["as before"]],
    ["exchanged", undo(3), look(old, { 5: old, 6: volume }), ["done"]],
    ["the other is not dropped yet", undo(1), look(old, { 5: old, 6: volume }), ["done"]],
    ["the other is dropped", undo(1), look(old, { 6: volume }), ["done, and 5 dropped"]],
    ["the other is dropped too early", undo(1), look(volume, { 3: old }), []],
    ["the other is dropped, though it may stay", undo(2), look(old, { 6: volume }), []],
    ["it is still there", undo(3), look(old, { 3: old, 5: old, 6: volume }), []],
    ["what was live is gone", undo(3), look(old, { 5: old }), []],
    ["its snapshot did not come back", undo(3), look(line(old.live, { 0: zero }), { 5: old, 6: volume }), []],
    ["the other's 10 came back", undo(3), look(line(old.live, volume.snapshots), { 5: old, 6: volume }), []],
  ])("%s", (_, events, found, worlds) => {
    for (const traits of [btrfs, { ...zfs, decides: ["exchange"] }]) {
      expect(verdict(traits, events, [], found)).toEqual(worlds);
    }
  });
});

it("a discarding rollback leaves no undo point", () => {
  const events = [before, begin({ name: "discard", target: 0, acked: 0 }), ...steps("discard", "before roll back")];
  expect(verdict(zfs, events, [], look(line(zero, { 0: zero })))).toEqual(["done"]);
  expect(verdict(zfs, events, [], look(line(ten, both)))).toEqual(["as before"]);
  expect(verdict(zfs, events, [], look(line(ten, { 0: zero })))).toEqual([]);
  expect(verdict(zfs, events, [], look(line(zero, { 0: zero }), { 1: line(ten, both) }))).toEqual([]);
  const done = [...events, ...steps("discard", "after roll back")];
  expect(verdict(zfs, done, [], look(line(ten, both)))).toEqual([]);
});

it("of undo points that are dropped each is there whole, or not at all", () => {
  const [volume, one, two] = [line(zero, { 0: zero }), line(ten, both), line(content(6, "B"), both)];
  const events = [start(look(volume, { 1: one, 2: two })), begin({ name: "drop", points: [1, 2] })];
  expect(verdict(zfs, events, [], look(volume, { 1: one, 2: two }))).toEqual(["as before"]);
  expect(verdict(zfs, events, [], look(volume, { 2: two }))).toEqual(["dropped 1"]);
  expect(verdict(zfs, events, [], look(volume))).toEqual(["dropped 1,2"]);
  // What both share was handed over, or is lost.
  expect(verdict(zfs, events, [], look(volume, { 2: line(two.live, { 0: zero }) }))).toEqual([]);
  expect(verdict(zfs, events, [], look(line(zero, {}), { 2: two }))).toEqual([]);
});

describe("after operations that were reported", () => {
  it("after a rollback the log goes on from the target", () => {
    const events = [
      before,
      begin({ name: "rollback", target: 0, keepUndo: 1, acked: 6 }),
      { kind: "done", undo: 1, dropped: [] } as const,
    ];
    const kept = { 1: line(content(6, "B"), both) };
    const live = { ...zero, log: extended(extended(zero.log, 7), 8) };
    expect(verdict(zfs, events, [5, 6, 7, 8], look(line(live, { 0: zero }), kept))).toEqual(["as before"]);
    expect(verdict(zfs, events, [5, 6, 7, 8], look(line(content(8, "A"), { 0: zero }), kept))).toEqual([]);
    expect(verdict(zfs, events, [5, 6, 7, 8], look(line(live, { 0: zero })))).toEqual([]);
  });

  it.each([
    ["another number", { undo: 2, dropped: [] }],
    ["no undo point", { dropped: [] }],
    ["one that it dropped", { undo: 1, dropped: [1] }],
  ])("a report of %s is refused", (_, report) => {
    const rollback = begin({ name: "rollback", target: 0, keepUndo: 1, acked: 4 });
    expect(() => worldsOf(zfs, [before, rollback, { kind: "done", ...report }], [])).toThrow("btm said of");
  });

  it("what was thinned out may come back on Btrfs, until something else is known to be on the disk", () => {
    const clean = [before, begin({ name: "clean", removed: [0] }), { kind: "done" } as const];
    expect(verdict(btrfs, clean, [], look(line(ten, both)))).toEqual(["as before"]);
    expect(verdict(btrfs, clean, [], look(line(ten, { 10: ten })))).toEqual(["as before, 0 gone"]);
    expect(verdict(zfs, clean, [], look(line(ten, both)))).toEqual([]);
    const drop = [...clean, begin({ name: "drop", points: [] }), { kind: "done" } as const];
    expect(verdict(btrfs, drop, [], look(line(ten, both)))).toEqual([]);
  });

  it("a snapshot that was thinned out is gone from all that shared it", () => {
    const shared = start(look(line(ten, both), { 1: line(zero, both) }));
    const events = [shared, begin({ name: "clean", removed: [0] }), { kind: "done" } as const];
    expect(verdict(zfs, events, [], look(line(ten, { 10: ten }), { 1: line(zero, { 10: ten }) }))).toHaveLength(1);
    expect(verdict(zfs, events, [], look(line(ten, { 10: ten }), { 1: line(zero, both) }))).toEqual([]);
  });
});

it("after a clean on ZFS all or none are gone, on Btrfs any", () => {
  const events = [before, begin({ name: "clean", removed: [0, 10] }), ...steps("clean", "before destroy")];
  const [all, none, one] = [look(line(ten, {})), look(line(ten, both)), look(line(ten, { 10: ten }))];
  expect([all, none, one].map((found) => verdict(zfs, events, [], found))).toEqual([
    ["cleaned, 0,10 gone"],
    ["as before"],
    [],
  ]);
  expect(verdict(btrfs, events, [], one)).toEqual(["cleaned, 0 gone"]);
  expect(verdict(btrfs, events.slice(0, 2), [], one)).toEqual([]);
});

describe("whichever state it is", () => {
  const good: Seen = {
    problems: [],
    liveBefore: ten,
    recovered: [],
    again: [],
    look: look(line(ten, both), { 1: line(zero, both) }),
    listed: [0, 10],
    listedUndo: { 1: [10] },
  };
  const worlds = worldsOf(btrfs, [start(good.look)], []);

  it("nothing is wrong", () => {
    expect(faults(btrfs, worlds, good)).toEqual([]);
  });

  it.each([
    ["the file system", { problems: ["errors"] }, "errors"],
    ["what is left over", { look: { ...good.look, leftovers: ["data.btm-new"] } }, "left over: data.btm-new"],
    ["a second recovery", { again: ["Undid it"] }, "a second recovery says: Undid it"],
    ["nothing was live", { liveBefore: null }, "before recovery this was live: null"],
    ["something else was live", { liveBefore: zero }, "before recovery this was live: {"],
    ["a list", { listed: [0] }, "btm lists 0, there are 0,10"],
    ["a list of undo points", { listedUndo: {} }, "btm lists undo points , there are 1"],
    ["what an undo point has", { listedUndo: { 1: [20] } }, "btm lists 20 in undo point 1"],
  ])("%s", (_, wrong, said) => {
    expect(faults(btrfs, worlds, { ...good, ...wrong })).toEqual([expect.stringContaining(said)]);
  });

  it("on ZFS nothing need be live before recovery", () => {
    expect(faults(zfs, worlds, { ...good, liveBefore: null })).toEqual([]);
  });
});

it("a log is whole, or is said to be broken", () => {
  const log = recordOf(logOf(1)) + recordOf(logOf(2));
  expect(endOf(log)).toEqual(logOf(2));
  for (const broken of [log.slice(0, -1), log.replace("2 ", "3 "), log.slice(64), log.replace(/.$/m, "x")]) {
    expect(() => endOf(broken)).toThrow("The record at");
  }
});
