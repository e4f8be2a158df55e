import { expect, it } from "vitest";

import { parseDuration } from "./duration.ts";

it.each([
  ["90", 90_000],
  ["90s", 90_000],
  ["0.5", 500],
  ["5m", 300_000],
  ["1.5h", 5_400_000],
])("reads %s as %i ms", (text, milliseconds) => {
  expect(parseDuration("--timeout", text)).toBe(milliseconds);
});

it.each(["", "0", "0s", "-1", "5 m", "5min", "1d", "1e3", "soon", "999999h", ".5"])("refuses %j", (text) => {
  expect(() => parseDuration("--timeout", text)).toThrow(expect.objectContaining({ code: "BAD_OPTION" }));
});
