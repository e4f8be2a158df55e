import fc from "fast-check";
import { expect } from "vitest";

import { Btm } from "../../src/index.ts";
import { isBtmError } from "../../src/errors.ts";
import type { TestVolume } from "../support/volumes.ts";
import { Model, type ModelTraits } from "./model.ts";

/** What is done; the numbers choose among what there is. */
type Deed =
  | { readonly kind: "write" }
  | { readonly kind: "snapshot"; readonly step: number }
  | { readonly kind: "rollback" | "undo"; readonly which: number; readonly keepUndo: number }
  | { readonly kind: "redo"; readonly keepUndo: number }
  | { readonly kind: "drop" | "pin" | "unpin" | "open" | "close"; readonly which: number }
  | { readonly kind: "clean"; readonly kept: number };

const which = fc.nat({ max: 1000 });
const keepUndo = fc.integer({ min: 1, max: 4 });
const deed: fc.Arbitrary<Deed> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("write" as const) }) },
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant("snapshot" as const), step: fc.integer({ min: 0, max: 2 }) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("rollback" as const), which, keepUndo }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("undo" as const), which, keepUndo }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("redo" as const), keepUndo }) },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constantFrom("drop", "pin", "pin", "unpin", "open", "close"), which }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("clean" as const), kept: fc.integer({ min: 0, max: 4 }) }) },
);

/** One of each kind, all of which can be done: what follows may by chance leave one out. */
const CHILDHOOD: readonly Deed[] = [
  { kind: "write" },
  { kind: "snapshot", step: 1 },
  { kind: "snapshot", step: 1 },
  { kind: "pin", which: 0 },
  { kind: "open", which: 0 },
  { kind: "rollback", which: 0, keepUndo: 4 },
  { kind: "undo", which: 0, keepUndo: 4 },
  { kind: "redo", keepUndo: 4 },
  { kind: "drop", which: 0 },
  { kind: "unpin", which: 0 },
  { kind: "close", which: 0 },
  { kind: "clean", kept: 4 },
];

/** A life of so many deeds, whatever they are, after one of each kind. */
export function lifeOf(deeds: number): fc.Arbitrary<Deed[]> {
  return fc.array(deed, { minLength: deeds, maxLength: deeds }).map((random) => [...CHILDHOOD, ...random]);
}

/** Does all of it to a volume and to a model, and compares the two after each. @returns how often each was done */
export async function live(
  volume: TestVolume,
  deeds: readonly Deed[],
  traits: ModelTraits,
): Promise<Map<string, number>> {
  const model = new Model(traits);
  const btm = new Btm({ volume: volume.volume, itv: 1, cap: 1000 });
  const done = new Map<string, number>();
  volume.write("content", "");
  for (const [i, one] of deeds.entries()) {
    const isDone = await doTo(btm, volume, model, one, i);
    if (!isDone) continue;
    done.set(one.kind, (done.get(one.kind) ?? 0) + 1);
    await compare(volume, model, `after ${String(i + 1)}: ${JSON.stringify(one)}`);
  }
  return done;
}

function chosen<T>(from: readonly T[], number: number): T | undefined {
  return from[number % Math.max(1, from.length)];
}

/** @returns false when there is nothing that it could be done to */
async function doTo(btm: Btm, volume: TestVolume, model: Model, one: Deed, i: number): Promise<boolean> {
  switch (one.kind) {
    case "write": {
      volume.write("content", `written by ${String(i)}`);
      model.write(`written by ${String(i)}`);
      return true;
    }
    case "snapshot": {
      const height = Math.max(0, (model.list.at(-1)?.height ?? 0) + one.step * 10);
      const { taken, failed } = await btm.snapshot(height, { force: true, prune: false });
      expect([taken, failed]).toEqual([model.take(height), []]);
      return true;
    }
    case "rollback": {
      const to = chosen(model.list, one.which);
      if (to === undefined) return false;
      await btm.rollback(to.height, { strict: true, keepUndo: one.keepUndo });
      model.rollback(to, one.keepUndo);
      return true;
    }
    case "undo": {
      const point = chosen(model.points, one.which);
      if (point === undefined) return false;
      await btm.undo(point.number, { keepUndo: one.keepUndo });
      model.undo(point.number, one.keepUndo);
      return true;
    }
    case "redo": {
      const latest = model.points.at(-1);
      if (latest === undefined) return false;
      await btm.undo(undefined, { keepUndo: one.keepUndo });
      model.undo(latest.number, one.keepUndo);
      return true;
    }
    case "drop": {
      const point = chosen(model.points, one.which);
      if (point === undefined) return false;
      const { blockers } = await btm.dropUndo(point.number, { dryRun: true });
      expect(new Set(blockers.map(({ kind }) => kind))).toEqual(new Set(model.inTheWayOfDropping(point.number)));
      if (blockers.length > 0) return false;
      await btm.dropUndo(point.number);
      model.drop(point.number);
      return true;
    }
    case "pin":
    case "unpin": {
      const node = chosen(model.list, one.which);
      if (node === undefined) return false;
      await btm[one.kind](node.height);
      node.isPinned = one.kind === "pin";
      return true;
    }
    case "clean": {
      await btm.clean({ kept: one.kept });
      model.clean(one.kept);
      return true;
    }
    case "open":
      return open(btm, model, one.which);
    case "close": {
      const height = chosen(
        [...model.clones.keys()].sort((a, b) => a - b),
        one.which,
      );
      if (height === undefined) return false;
      await btm.close(height);
      model.clones.delete(height);
      return true;
    }
  }
}

async function open(btm: Btm, model: Model, number: number): Promise<boolean> {
  const node = chosen(model.list, number);
  if (node === undefined) return false;
  if (!model.clones.has(node.height)) {
    await btm.open(node.height);
    model.clones.set(node.height, node);
    return true;
  }
  const refusal = await btm.open(node.height).catch((error: unknown) => error);
  expect(isBtmError(refusal) && refusal.code).toBe("NAME_TAKEN");
  return false;
}

async function compare(volume: TestVolume, model: Model, where: string): Promise<void> {
  // A fresh one: nothing remembered.
  const btm = new Btm({ volume: volume.volume });
  expect(volume.read("content"), where).toBe(model.live.content);
  const list = await btm.list();
  expect(
    list.map(({ height, pinned, neededBy }) => [Number(height), pinned, neededBy.length > 0]),
    where,
  ).toEqual(model.list.map((node) => [node.height, node.isPinned, model.isNeeded(node)]));
  for (const node of model.list) {
    expect(volume.readAt(node.height, "content"), `${where}: content of ${String(node.height)}`).toBe(node.content);
  }
  const points = await btm.undoPoints();
  expect(
    points.map(({ number, from, snapshots }) => [
      number,
      from === undefined ? undefined : Number(from),
      snapshots.map(({ height, pinned }) => [Number(height), pinned]),
    ]),
    where,
  ).toEqual(
    model.points.map(({ number, from }) => [
      number,
      from,
      model.heldBy(number).map(({ height, isPinned }) => [height, isPinned]),
    ]),
  );
  const clones = await btm.clones();
  expect(
    clones.map(({ height }) => Number(height)),
    where,
  ).toEqual([...model.clones.keys()].sort((a, b) => a - b));
}
