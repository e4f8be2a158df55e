import { describe, expect, it } from "vitest";

import type { Event, Seen } from "../cut/events.ts";
import { differences, worldsOf } from "../cut/judge.ts";
import { type Content, endOf, extended, type LogEnd, recordOf } from "../cut/log.ts";

/** A log of records up to a serial. */
function logOf(serial: number): LogEnd {
  let end: LogEnd = endOf("");
  for (let i = 1; i <= serial; i++) end = extended(end, i);
  return end;
}

const content = (serial: number, block: string): Content => ({ log: logOf(serial), block });
const steps = (...names: string[]): Event[] => names.map((at) => ({ kind: "step", at }));
const start: Event = { kind: "start", snapshots: { 0: content(2, "A"), 10: content(4, "B") }, live: content(4, "B") };
const take: Event[] = [
  { kind: "renew", block: "C" },
  { kind: "take", height: 20, pruned: [0], acked: 6 },
];
const back: Event = { kind: "back", target: 0, destroyed: [10], acked: 6 };

function seen(snapshots: Record<string, Content>, live: Content, recovered: readonly string[] = []): Seen {
  return { status: "", heightsBefore: [], unmarked: [], hasJournalAfter: false, snapshots, live, recovered };
}

/** The states that fit what was seen. */
function verdict(events: readonly Event[], acks: readonly number[], found: Seen): string[] {
  return worldsOf(events, acks)
    .filter((world) => differences(world, found).length === 0)
    .map((world) => world.name);
}

const [zero, ten] = [content(2, "A"), content(4, "B")];

describe("after a cut between two operations", () => {
  it.each([
    ["all that was acknowledged", content(6, "B"), ["between two operations"]],
    ["one record more, written and not acknowledged", content(7, "B"), ["between two operations"]],
    ["a record less", content(5, "B"), []],
    ["another block", content(6, "A"), []],
  ])("%s", (_, live, worlds) => {
    expect(verdict([start], [5, 6], seen({ 0: zero, 10: ten }, live))).toEqual(worlds);
  });
});

describe("after a cut during a snapshot", () => {
  const live = content(8, "C");
  const during = [start, ...take, ...steps("before snapshot")];
  const after = [...during, ...steps("after snapshot", "before destroy")];
  it.each([
    ["none", during, { 0: zero, 10: ten }, ["not taken"]],
    ["one that ends in between", during, { 0: zero, 10: ten, 20: content(7, "C") }, ["taken"]],
    ["one that lacks what was written before", during, { 0: zero, 10: ten, 20: content(5, "C") }, []],
    ["one with the block of before", during, { 0: zero, 10: ten, 20: content(7, "B") }, []],
    ["none, although it was reported", after, { 0: zero, 10: ten }, []],
    ["the thinning before it was begun", during, { 10: ten, 20: content(7, "C") }, []],
    ["the thinning", after, { 10: ten, 20: content(7, "C") }, ["taken and thinned"]],
    ["another one thinned", after, { 0: zero, 20: content(7, "C") }, []],
    ["an older one that is broken", after, { 0: zero, 10: content(3, "B"), 20: content(7, "C") }, []],
  ])("%s", (_, events, snapshots, worlds) => {
    expect(verdict(events, [5, 6, 7, 8], seen(snapshots, live))).toEqual(worlds);
  });
});

describe("after a cut during a rollback", () => {
  const upTo = (count: number): Event[] => [
    start,
    back,
    ...steps(
      "before write journal",
      "after write journal",
      "before unmount",
      "after unmount",
      "before roll back",
    ).slice(0, count),
  ];
  const finished = "The rollback to 0 was done, and interrupted after that";
  const old = content(6, "B");
  it.each([
    ["nothing is done", upTo(5), { 0: zero, 10: ten }, old, [], ["not rolled back"]],
    ["all of it is done", upTo(5), { 0: zero }, zero, [finished], ["rolled back"]],
    ["the newer are gone, and live is as it was", upTo(5), { 0: zero }, old, [], []],
    ["live is gone back, and the newer are there", upTo(5), { 0: zero, 10: ten }, zero, [finished], []],
    ["a record is lost", upTo(5), { 0: zero, 10: ten }, content(5, "B"), [], []],
    ["it says nothing of that", upTo(5), { 0: zero }, zero, [], []],
    ["it speaks of what was not done", upTo(5), { 0: zero, 10: ten }, old, [finished], []],
    ["done too early", upTo(4), { 0: zero }, zero, [finished], []],
    ["undone although it was reported", [...upTo(5), ...steps("after roll back")], { 0: zero, 10: ten }, old, [], []],
  ])("%s", (_, events, snapshots, live, recovered, worlds) => {
    expect(verdict(events, [5, 6], seen(snapshots, live, recovered))).toEqual(worlds);
  });
});

it("after a rollback the log goes on from the target", () => {
  const events: Event[] = [start, back, { kind: "backed" }];
  const live = { ...zero, log: extended(extended(zero.log, 7), 8) };
  expect(verdict(events, [5, 6, 7, 8], seen({ 0: zero }, live))).toEqual(["between two operations"]);
  expect(verdict(events, [5, 6, 7, 8], seen({ 0: zero }, content(8, "A")))).toEqual([]);
});

it("after a clean all or none are gone", () => {
  const events: Event[] = [start, { kind: "clean", removed: [0, 10] }, ...steps("before destroy")];
  const live = content(4, "B");
  expect(verdict(events, [], seen({ 0: zero, 10: ten }, live))).toEqual(["not cleaned"]);
  expect(verdict(events, [], seen({}, live))).toEqual(["cleaned"]);
  expect(verdict(events, [], seen({ 10: ten }, live))).toEqual([]);
});

it("a log is whole, or is said to be broken", () => {
  const log = recordOf(logOf(1)) + recordOf(logOf(2));
  expect(endOf(log)).toEqual(logOf(2));
  for (const broken of [log.slice(0, -1), log.replace("2 ", "3 "), log.slice(64), log.replace(/.$/m, "x")]) {
    expect(() => endOf(broken)).toThrow("The record at");
  }
});
