import fc from "fast-check";
import { expect, it } from "vitest";

import type { Height } from "../../height.ts";
import { type Branch, dropOrder, handOver, type Leaf, pathOf } from "./timeline.ts";

/** A volume as these functions are meant for: what a rollback, an undo and a drop do with the snapshots. */
class Model {
  live: Leaf[] = [];
  branches: Branch[] = [];
  #made = 0;

  take(): void {
    const height = ((this.live.at(-1)?.height ?? 0n) + 1n) as Height;
    this.live.push({ height, uuid: `s${String(this.#made++)}` });
  }

  #leave(to: Height, fork: string | undefined): void {
    const number = 1 + Math.max(0, ...this.branches.map((branch) => branch.number));
    this.branches.push({ number, fork, to, snapshots: this.live.filter(({ height }) => height > to) });
    this.live = this.live.filter(({ height }) => height <= to);
  }

  back(pick: number): void {
    const target = this.live[pick % Math.max(1, this.live.length)];
    if (target !== undefined) this.#leave(target.height, target.uuid);
  }

  undo(pick: number): Leaf[] | undefined {
    const point = this.branches[pick % Math.max(1, this.branches.length)];
    if (point === undefined) return undefined;
    const history = this.historyOf(point);
    const { returns, fork, to } = pathOf(this.branches, point.number);
    this.#leave(to, fork);
    for (const { undo, upTo } of returns) {
      const of = this.branches.find((branch) => branch.number === undo);
      if (of === undefined) throw new Error("gone");
      const comes = ({ height }: Leaf): boolean => upTo === undefined || height <= upTo.height;
      this.live.push(...of.snapshots.filter(comes));
      const rest = of.snapshots.filter((leaf) => !comes(leaf));
      this.branches = this.branches.flatMap((branch) => {
        if (branch !== of) return [branch];
        return upTo === undefined ? [] : [{ ...of, snapshots: rest, fork: upTo.uuid, to: upTo.height }];
      });
    }
    this.live.sort((a, b) => (a.height < b.height ? -1 : 1));
    return history;
  }

  drop(pick: number): void {
    const point = this.branches[pick % Math.max(1, this.branches.length)];
    if (point === undefined) return;
    const heir = handOver(this.branches, point.number);
    const given = point.snapshots.filter(({ height }) => heir !== undefined && height <= heir.upTo);
    this.branches = this.branches
      .filter((branch) => branch !== point)
      .map((branch) =>
        branch.number === heir?.heir
          ? { ...branch, snapshots: [...given, ...branch.snapshots], fork: point.fork, to: point.to }
          : branch,
      );
  }

  /** By the forks alone, whoever holds them. */
  historyOf(branch: Branch): Leaf[] {
    const holders = [{ snapshots: this.live, fork: undefined }, ...this.branches];
    const before = holders.find(({ snapshots }) => snapshots.some(({ uuid }) => uuid === branch.fork));
    if (before === undefined) return [...branch.snapshots];
    const upTo = before.snapshots.findIndex(({ uuid }) => uuid === branch.fork);
    const older = before.fork === undefined ? [] : this.historyOf({ ...branch, fork: before.fork, snapshots: [] });
    return [...older, ...before.snapshots.slice(0, upTo + 1), ...branch.snapshots];
  }
}

const action = fc.tuple(fc.constantFrom("take", "take", "back", "undo", "drop"), fc.nat(20));

it("whatever happens, an undo point keeps its whole history, and undo brings it back", () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
      const model = new Model();
      model.take();
      for (const [what, pick] of actions) {
        const before = new Map(model.branches.map((branch) => [branch.number, model.historyOf(branch)]));
        switch (what) {
          case "take":
            model.take();
            break;
          case "back":
            model.back(pick);
            break;
          case "undo": {
            const history = model.undo(pick);
            if (history !== undefined) expect(model.live).toEqual(history);
            break;
          }
          case "drop":
            model.drop(pick);
            break;
        }
        for (const branch of model.branches) {
          const history = before.get(branch.number);
          if (history !== undefined) expect(model.historyOf(branch)).toEqual(history);
        }
        const all = [...model.live, ...model.branches.flatMap(({ snapshots }) => snapshots)].map(({ uuid }) => uuid);
        expect(new Set(all).size, "each snapshot is in one place").toBe(all.length);
        const numbers = model.branches.map(({ number }) => number);
        expect(dropOrder(model.branches, numbers).toSorted((a, b) => a - b)).toEqual(numbers.toSorted((a, b) => a - b));
      }
    }),
  );
});

it("what hangs on another one is dropped before it", () => {
  const leaf = (height: bigint, uuid: string): Leaf => ({ height: height as Height, uuid });
  const branches: Branch[] = [
    { number: 1, fork: "b", to: 2n as Height, snapshots: [leaf(3n, "c")] },
    { number: 2, fork: "a", to: 1n as Height, snapshots: [leaf(2n, "b")] },
  ];
  expect(dropOrder(branches, [2, 1])).toEqual([1, 2]);
  expect(handOver(branches, 2)).toEqual({ heir: 1, upTo: 2n });
  expect(handOver(branches, 1)).toBeUndefined();
});
