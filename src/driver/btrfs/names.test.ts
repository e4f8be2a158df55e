import { expect, it } from "vitest";

import { undoName, undoNumber } from "./names.ts";

it("numbers undo points from 1", () => {
  expect(undoNumber(undoName(1))).toBe(1);
  expect(["undo-0", "undo-01", "undo-", "undo-x", "undo-1.bak"].map(undoNumber)).toEqual(Array(5).fill(undefined));
});
