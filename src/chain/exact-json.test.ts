import fc from "fast-check";
import { expect, it } from "vitest";

import { parseExactly } from "./exact-json.ts";

it("keeps every digit of a whole number", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n }), (n) => {
      const read = parseExactly(`{"n":[${String(n)}]}`) as { n: [number | bigint] };
      expect(BigInt(read.n[0])).toBe(n);
    }),
  );
});

it("reads all else as JSON.parse does", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      const expected = JSON.parse(text) as unknown;
      const isUnsafe = /\d{16}|[eE]/.test(text);
      if (!isUnsafe) expect(parseExactly(text)).toEqual(expected);
    }),
  );
});

it("is exact wherever the number stands", () => {
  const n = 2n ** 53n + 1n;
  for (const [before, after] of [
    ["", ""],
    [" ", ""],
    ["[1,", "]"],
    ['{"a" :\n', "}"],
    ['["1",[', "]]"],
  ] as const) {
    const read = parseExactly(`${before}${String(n)}${after}`);
    expect(
      [read]
        .flat(2)
        .concat(Object.values(Object(read) as object))
        .flat(2),
      before,
    ).toContain(n);
  }
});

it("refuses what is no JSON, or nested too deeply", () => {
  for (const text of ["", "{", "01", "NaN", `${"[".repeat(500_000)}${"9".repeat(16)}${"]".repeat(500_000)}`]) {
    expect(() => parseExactly(text)).toThrow(SyntaxError);
  }
});

it("gives no prototype to anybody", () => {
  const read = parseExactly('{"__proto__":{"height":1}}') as object;
  expect("height" in read).toBe(false);
});
