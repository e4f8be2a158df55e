import fc from "fast-check";
import { expect, it } from "vitest";

import { parseMark, parseMarks } from "./mark.ts";

const mark = { btm: 1, height: "10", volume: "data", origin: "53d372fc-6a5a-334e-8bd1-fe8c0808eae6" } as const;

it("reads back what was written, with fields of later versions left out", () => {
  expect(parseMark(JSON.stringify(mark))).toEqual(mark);
  expect(parseMark(JSON.stringify({ ...mark, adopted: true, later: {} }))).toEqual({ ...mark, adopted: true });
});

it.each([
  ["none", undefined],
  ["no JSON", "{"],
  ["another version", JSON.stringify({ ...mark, btm: 2 })],
  ["a height that is a number", JSON.stringify({ ...mark, height: 10 })],
  ["a height with a leading zero", JSON.stringify({ ...mark, height: "010" })],
  ["no origin", JSON.stringify({ ...mark, origin: undefined })],
])("takes %s for no mark", (_, text) => {
  expect(parseMark(text)).toBeUndefined();
});

it("never throws, whatever stands there", () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => parseMark(text) === undefined));
});

it("reads one mark, or those of all that were taken in one step, and nothing else", () => {
  const other = { ...mark, volume: "other", origin: "2" };
  expect(parseMarks(JSON.stringify(mark))).toEqual([mark]);
  expect(parseMarks(JSON.stringify([mark, other]))).toEqual([mark, other]);
  expect(parseMarks(JSON.stringify([mark, { ...other, height: "-1" }]))).toEqual([]);
  expect(parseMarks(undefined)).toEqual([]);
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => parseMarks(text).length === 0));
});
