import { describe, expect, it } from "vitest";

import type { NodeFacts } from "../node-facts.ts";
import { MAX_WHY } from "../record.ts";
import { findingOf } from "./finding.ts";
import type { Answer } from "./job.ts";
import { expectedHeights, type Known, verdictOf, wantedOf } from "./verdict.ts";

const at = new Date("2026-11-26T08:00:00.000Z");
const node: NodeFacts = { family: "bitcoin", chain: "main", before: "12", hash: "00ab", quiesce: "flush" };
const bare: Known = { height: 10n, node: undefined, after: undefined };
const told: Known = { height: 10n, node, after: undefined };

function stands(height: string, rest: Partial<Answer & { kind: "answered" }> = {}): Answer {
  const unknown = { hash: null, chain: null, hashOf: null };
  return { kind: "answered", height, family: "bitcoin", said: "", seconds: 1.5, ...unknown, ...rest };
}

function ended(status: number | null, said = ""): Answer {
  return { kind: "ended", status, signal: status === null ? 11 : null, said, seconds: 1 };
}

const outcome = (known: Known, answer: Answer, isAsked = true): string => verdictOf(known, answer, isAsked, at).outcome;

describe("the height", () => {
  it("is that of the snapshot when the node was not asked, or from where it stood before to where it stood after", () => {
    expect(expectedHeights(bare)).toEqual({ low: 10n, high: 10n });
    // Nobody knows how far it had come.
    expect(expectedHeights(told)).toEqual({ low: 12n, high: undefined });
    expect(expectedHeights({ ...told, after: { height: "15" } })).toEqual({ low: 12n, high: 15n });
    // What it lost when it was started again afterwards is no reason to expect less.
    expect(expectedHeights({ ...told, after: { height: "11" } })).toEqual({ low: 12n, high: 12n });
  });

  it.each([
    [bare, "10", "exact"],
    [bare, "9", "differs"],
    [bare, "11", "differs"],
    [told, "10", "differs"],
    [told, "11", "differs"],
    [told, "12", "exact"],
    [told, "16", "exact"],
    [{ ...told, after: { height: "15" } }, "14", "exact"],
    [{ ...told, after: { height: "15" } }, "16", "differs"],
  ])("%#: of %o, standing at %s, is %s", (known, height, expected) => {
    expect(outcome(known, stands(height))).toBe(expected);
  });

  it.each(["none", "stop"] as const)(
    "is not lowered by a node that lost blocks with its restart (quiesce %s)",
    (quiesce) => {
      const known: Known = { height: 1000n, node: { ...node, before: "1000", quiesce }, after: { height: "0" } };
      const why = "the node stands at 0, expected 1000; it came back at 0 right after the snapshot as well";
      expect(verdictOf(known, stands("0"), true, at)).toMatchObject({ outcome: "differs", why });
      expect(outcome(known, stands("999"))).toBe("differs");
      expect(outcome(known, stands("1000"))).toBe("exact");
      expect(outcome(known, stands("1001"))).toBe("differs");
      expect(wantedOf(known)).toEqual({ low: "1000", of: "1000" });
    },
  );

  it("is compared beyond 2^53", () => {
    const known = { ...bare, height: 18_446_744_073_709_551_615n };
    expect(outcome(known, stands("18446744073709551615"))).toBe("exact");
    expect(outcome(known, stands("18446744073709551614"))).toBe("differs");
  });
});

describe("the block", () => {
  it("is compared where both are known, in capitals or not", () => {
    expect(outcome(told, stands("12", { hashOf: "00AB", hash: "00cd" }))).toBe("exact");
    expect(outcome(told, stands("12", { hashOf: "00ff" }))).toBe("differs");
    const after = { height: "12", hash: "00cd" };
    expect(outcome({ ...told, after }, stands("12", { hash: "00cd" }))).toBe("exact");
    expect(outcome({ ...told, after }, stands("12", { hash: "00ce" }))).toBe("differs");
  });

  it("is not compared with one of another height", () => {
    const after = { height: "13", hash: "00cd" };
    expect(outcome({ ...told, after }, stands("12", { hash: "00ce" }))).toBe("exact");
  });

  it("is of the same chain, when both tell", () => {
    expect(outcome(told, stands("12", { chain: "main" }))).toBe("exact");
    expect(outcome(told, stands("12", { chain: "test" }))).toBe("differs");
  });
});

describe("a command", () => {
  it("that ends is no node that stands somewhere", () => {
    expect(outcome(bare, ended(0))).toBe("failed");
    expect(outcome(bare, ended(0), false)).toBe("passed");
    expect(outcome(bare, ended(1), false)).toBe("failed");
    expect(
      outcome(
        bare,
        { kind: "silent", why: null, isDenied: false, listensElsewhere: [], said: "", seconds: 300 },
        false,
      ),
    ).toBe("failed");
  });

  it("may say what it likes: it is kept short, and escaped", () => {
    const { why = "" } = verdictOf(bare, ended(1, `${"\u202e\u001b".repeat(9000)}end`), true, at);
    expect(why.length).toBeLessThanOrEqual(MAX_WHY);
    expect(why).toMatch(/^[\x20-\x7e]*$/);
  });

  it.each([
    [0, { finding: "good" }],
    [1, { finding: "bad" }],
    [124, { finding: "bad" }],
    [125, { finding: "skip" }],
    [126, { why: "it ended with status 126, and printed nothing" }],
    [127, { why: "it ended with status 127, and printed nothing" }],
    [128, { why: "it ended with status 128, and printed nothing" }],
    [255, { why: "it ended with status 255, and printed nothing" }],
    [null, { why: "it was ended by signal 11, and printed nothing" }],
  ])("that ends with %s says %o", (status, expected) => {
    expect(findingOf(ended(status))).toEqual(expected);
  });
});
