import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { count, escapeText, quote } from "./text.ts";

describe("escapeText", () => {
  it("leaves nothing that a terminal obeys", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(escapeText(text))),
    );
  });

  it.each([
    ["a\nb", "a\\nb"],
    ["\u001b[31mred", "\\u{1b}[31mred"],
    ["\u202Egnp.exe", "\\u{202e}gnp.exe"],
    ["größe 数据 -dash", "größe 数据 -dash"],
  ])("shows %j as %s", (text, shown) => {
    expect(escapeText(text)).toBe(shown);
  });
});

it("quotes", () => {
  expect(quote('say "hi"\n')).toBe('"say \\"hi\\"\\n"');
});

it("counts", () => {
  expect([count(0, "block"), count(1, "block"), count(2, "block")]).toEqual(["0 blocks", "1 block", "2 blocks"]);
});
