import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { due, MAX_HEIGHT, parseHeight } from "./height.ts";

const height = fc.bigInt({ min: 0n, max: MAX_HEIGHT });
const itv = fc.oneof(fc.bigInt({ min: 1n, max: 1000n }), fc.bigInt({ min: 1n, max: MAX_HEIGHT }));

describe("parseHeight", () => {
  it("reads back what it prints, as bigint and as text", () => {
    fc.assert(fc.property(height, (h) => parseHeight(h) === h && parseHeight(String(h)) === h));
  });

  it("takes safe integers", () => {
    fc.assert(fc.property(fc.maxSafeNat(), (n) => parseHeight(n) === BigInt(n)));
  });

  it.each<[string, unknown]>([
    ["above 2^64 - 1", MAX_HEIGHT + 1n],
    ["above 2^64 - 1 as text", "18446744073709551616"],
    ["negative", -1n],
    ["a negative number", -1],
    ["a fraction", 1.5],
    ["beyond 2^53", 2 ** 53],
    ["not a number", NaN],
    ["infinite", Infinity],
    ["empty", ""],
    ["blank", " 1"],
    ["leading zero", "01"],
    ["hexadecimal", "0x10"],
    ["an exponent", "1e3"],
    ["a sign", "+1"],
    ["a newline after it", "1\n"],
    ["letters", "abc"],
    ["null", null],
    ["an object", {}],
  ])("refuses what is %s", (_, input) => {
    expect(() => parseHeight(input as bigint)).toThrow(expect.objectContaining({ code: "BAD_HEIGHT" }));
  });
});

describe("due", () => {
  it("takes 0, not 1, and 11 with an interval of 10", () => {
    expect(due(0n, undefined, 10n)).toBe(true);
    expect(due(1n, 0n, 10n)).toBe(false);
    expect(due(11n, 0n, 10n)).toBe(true);
  });

  it("gives exact multiples for consecutive blocks from 0", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 50n }), fc.integer({ min: 1, max: 300 }), (step, blocks) => {
        const taken: bigint[] = [];
        for (let h = 0n; h < BigInt(blocks); h++) if (due(h, taken.at(-1), step)) taken.push(h);
        return taken.every((h, i) => h === BigInt(i) * step);
      }),
    );
  });

  it("is true once for each interval that the chain enters, whatever it skips", () => {
    fc.assert(
      fc.property(fc.uniqueArray(height, { minLength: 1, maxLength: 100, size: "max" }), itv, (heights, step) => {
        const chain = heights.sort((a, b) => (a < b ? -1 : 1));
        const taken: bigint[] = [];
        for (const h of chain) if (due(h, taken.at(-1), step)) taken.push(h);
        const entered = new Set(chain.map((h) => h / step));
        return taken.length === entered.size && new Set(taken.map((h) => h / step)).size === entered.size;
      }),
    );
  });

  it("is never true again for a height at or below the last", () => {
    fc.assert(fc.property(height, itv, (h, step) => !due(h, h, step)));
  });
});
