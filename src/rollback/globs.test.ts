import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { globOf, globSet } from "./globs.ts";
import { checkGlobs, isPreserved, unmatchedGlobs } from "./preserve.ts";

describe("checkGlobs", () => {
  it.each([
    ["data/priv_validator_state.json", "data/priv_validator_state.json"],
    ["./data/", "data"],
    [".//./data//x", "data/x"],
    ["**/*.bin", "**/*.bin"],
    ["-rf", "-rf"],
    ["a\nb", "a\nb"],
    ["..a/b..", "..a/b.."],
  ])("takes %j as %j", (given, glob) => {
    expect(checkGlobs([given])).toEqual([glob]);
  });

  it.each(["", ".", "./", "/", "/data/x", "..", "../x", "a/../b", "./../x", "a/..", "a\0b", "x".repeat(5000)])(
    "refuses %j",
    (given) => {
      expect(() => checkGlobs([given])).toThrow(expect.objectContaining({ code: "BAD_OPTION" }));
    },
  );

  it("refuses what is no text", () => {
    expect(() => checkGlobs([5 as unknown as string])).toThrow("Cannot preserve 5: expected a text");
  });
});

describe("matching", () => {
  it.each([
    ["data/x", "data/x", true],
    ["data/x", "data/xy", false],
    ["*", ".hidden", true],
    ["*", "a/b", false],
    ["**/x", "x", true],
    ["**/x", ".a/b/x", true],
    ["**/x", "a/b\nc/x", true],
    ["a?c", "a\nc", true],
    ["{a,b/c}/d", "b/c/d", true],
    ["[ab]", "b", true],
    ["!a", "!a", true],
    ["!a", "b", false],
    ["+(a)", "aa", false],
  ])("%j, %j: %j", (glob, path, matches) => {
    expect(globSet([glob]).matches(path)).toBe(matches);
  });

  it.each([
    ["data/x", "data", true],
    ["data/x", "dat", false],
    ["data/x", "data/x", false],
    ["data/x", "other", false],
    ["*/x", "a", true],
    ["*/x", "a/b", false],
    ["a/**/x", "a/b/c/d", true],
    ["a/**/x", "b", false],
    ["{a/b,c}/x", "a/b", true],
    ["*/*/x", ".a/b", true],
  ])("%j may match within %j: %j", (glob, folder, may) => {
    expect(globSet([glob]).mayMatchWithin(folder)).toBe(may);
  });

  const name = fc
    .string({ minLength: 1, maxLength: 8, unit: fc.constantFrom(...Array.from("ab.*?[]{}()!\\+@|,^$-\n '\"#~é😀")) })
    .filter((text) => text !== "." && text !== "..");
  const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join("/"));

  it("a path as a glob matches itself and no other", () => {
    fc.assert(
      fc.property(path, path, (one, other) => {
        const { matches } = globSet([globOf(one)]);
        expect(matches(one)).toBe(true);
        if (!globOf(one).includes("?")) expect(matches(other)).toBe(one === other);
      }),
      { numRuns: 1000 },
    );
  });

  it("nothing that matches is in a folder that is not looked at", () => {
    const glob = fc
      .array(fc.oneof(name, fc.constantFrom("*", "**", "a*", "{a,b}", "[ab]", "{a/b,c}")), {
        minLength: 1,
        maxLength: 4,
      })
      .map((parts) => parts.join("/"));
    fc.assert(
      fc.property(glob, path, (pattern, file) => {
        const { matches, mayMatchWithin } = globSet([pattern]);
        fc.pre(matches(file));
        const folders = file.split("/").slice(0, -1);
        for (const [i] of folders.entries()) {
          const folder = folders.slice(0, i + 1).join("/");
          expect(matches(folder) || mayMatchWithin(folder)).toBe(true);
        }
      }),
      { numRuns: 200 },
    );
  });
});

it("a path is preserved when it or a folder that it is in is", () => {
  expect(isPreserved("a/b/c", ["a/b"])).toBe(true);
  expect(isPreserved("a/b/c", ["a/*/c"])).toBe(true);
  expect(isPreserved("a/b", ["a/b/c"])).toBe(false);
});

it("tells which globs match nothing", () => {
  expect(unmatchedGlobs(["a", "*.x", "c"], ["a", "c/d"])).toEqual(["*.x", "c"]);
});
