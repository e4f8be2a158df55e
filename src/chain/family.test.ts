import fc from "fast-check";
import { expect, it } from "vitest";

import type { Height } from "../height.ts";
import { chosenBelow, finalityText, parseFinality } from "./family.ts";

it("reads every finality that it writes", () => {
  for (const kind of ["latest", "safe", "finalized"] as const) expect(parseFinality(kind)).toEqual({ kind });
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 63n }), (depth) => {
      expect(parseFinality(finalityText({ kind: "depth", depth }))).toEqual({ kind: "depth", depth });
      expect(parseFinality(String(depth))).toEqual({ kind: "depth", depth });
    }),
  );
});

it.each(["", "Latest", "depth", "depth  1", "-1", "1.5", "0x1", "justified", "depth latest"])("refuses %j", (text) => {
  expect(() => parseFinality(text)).toThrow(expect.objectContaining({ code: "BAD_OPTION" }));
});

it("counts a depth from the head, and has no block below 0", () => {
  const head = { height: 100n as Height, hash: "h" };
  expect(chosenBelow(head, { kind: "latest" })).toBe(head);
  expect(chosenBelow(head, { kind: "depth", depth: 0n })).toBe(head);
  expect(chosenBelow(head, { kind: "depth", depth: 100n })).toEqual({ height: 0n, hash: undefined });
  expect(chosenBelow(head, { kind: "depth", depth: 101n })).toBeUndefined();
});
