import { expect, it } from "vitest";

import { BtmError } from "../../errors.ts";
import { parseRows } from "./rows.ts";

const columns = ["creation", "btm:mark"];
const read = (text: string): ReturnType<typeof parseRows> => parseRows(text, { columns, action: "list" });
const line = (name: string, guid: string, mark = "-"): string => [name, guid, "5", mark, guid].join("\t") + "\n";

it("reads what zfs list prints", () => {
  const [own, snapshot] = read(line("tank/a", "7") + line("tank/a@1", "8", "mark"));
  expect([own?.name, own?.guid, own?.value("btm:mark"), own?.number("creation")]).toEqual([
    "tank/a",
    "7",
    undefined,
    5n,
  ]);
  expect(snapshot?.value("btm:mark")).toBe("mark");
  expect(read("")).toEqual([]);
});

// A user property may hold any text, and all below inherit it.
const forged = `x\t9\n${line("tank/a@20240501", "6", "mark").trimEnd()}`;

it.each([
  [
    "a line break in a value that forges a row, inherited by two",
    line("tank/a", "7", forged) + line("tank/a@1", "8", forged),
  ],
  ["a tab in a value", line("tank/a@1", "8", "a\tb")],
  ["a line break in a value", line("tank/a@1", "8", "a\nb")],
  ["a name twice", line("tank/a@1", "8") + line("tank/a@1", "9")],
  ["two guids", "tank/a@1\t8\t5\t-\t9\n"],
  ["a guid that is no number", line("tank/a@1", "x")],
  ["an end without a line break", line("tank/a@1", "8").trimEnd()],
  ["too few columns", "tank/a@1\t8\t8\n"],
])("refuses %s", (_, text) => {
  expect(() => read(text)).toThrow(BtmError);
});

it("refuses a number that is none", () => {
  const [row] = read(["tank/a@1", "8", "zz", "-", "8"].join("\t") + "\n");
  expect(() => row?.number("creation")).toThrow(BtmError);
});
