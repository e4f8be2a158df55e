import fc from "fast-check";
import { expect, it } from "vitest";

import { type Finding, found, nextPlace, openPlaces, type Search, startSearch, suspects } from "./search.ts";

interface Run {
  readonly search: Search;
  readonly asked: readonly number[];
}

/** Searches a row in which all from `first` on are bad, and some cannot be told. */
function run(length: number, first: number, untold: ReadonlySet<number> = new Set()): Run {
  const asked: number[] = [];
  let search = startSearch(length);
  for (let place = nextPlace(search); place !== undefined; place = nextPlace(search)) {
    asked.push(place);
    const finding: Finding = untold.has(place) ? "skip" : place >= first ? "bad" : "good";
    search = found(search, place, finding);
  }
  return { search, asked };
}

/** A row, and where it goes bad: not at its first. */
const rows = fc.integer({ min: 2, max: 300 }).chain((length) => {
  return fc.record({
    length: fc.constant(length),
    first: fc.integer({ min: 1, max: length - 1 }),
    untold: fc.uniqueArray(fc.integer({ min: 1, max: Math.max(1, length - 2) })),
  });
});

it("finds the first bad of any row, with as many looks as halving takes, and none twice", () => {
  fc.assert(
    fc.property(rows, ({ length, first }) => {
      const { search, asked } = run(length, first);
      expect(suspects(search)).toEqual([first]);
      expect(new Set(asked).size).toBe(asked.length);
      expect(asked.length).toBeLessThanOrEqual(Math.ceil(Math.log2(length)));
    }),
  );
});

it("never leaves out the first bad, whatever cannot be told", () => {
  fc.assert(
    fc.property(rows, ({ length, first, untold }) => {
      const skipped = new Set(untold.filter((place) => place < length - 1));
      const { search, asked } = run(length, first, skipped);
      expect(suspects(search)).toContain(first);
      // All but the highest of them could not be told.
      expect(
        suspects(search)
          .slice(0, -1)
          .every((place) => skipped.has(place)),
      ).toBe(true);
      expect(openPlaces(search)).toEqual([]);
      expect(new Set(asked).size).toBe(asked.length);
    }),
  );
});
