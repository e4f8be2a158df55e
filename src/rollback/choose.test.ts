import { describe, expect, it } from "vitest";

import { someSnapshot } from "../../test/support/some-snapshot.ts";
import type { Snapshot } from "../driver/driver.ts";
import { isBtmError } from "../errors.ts";
import { parseHeight } from "../height.ts";
import { chooseTarget } from "./choose.ts";

const snapshot = (height: number, marked = true): Snapshot => someSnapshot(height, marked ? {} : { mark: undefined });

const chosen = (snapshots: readonly Snapshot[], asked?: number, strict = false): string => {
  try {
    const { target, choice } = chooseTarget(
      "/data",
      snapshots,
      asked === undefined ? undefined : parseHeight(asked),
      strict,
    );
    return `${choice} ${String(target.height)}`;
  } catch (error) {
    if (isBtmError(error)) return `${error.code}: ${error.message}; ${error.hint ?? ""}`;
    throw error;
  }
};

describe("with marked snapshots at 10, 20, 30", () => {
  const all = [snapshot(10), snapshot(20), snapshot(30)];
  it.each<[number | undefined, boolean, string]>([
    [undefined, false, "latest 30"],
    [undefined, true, "latest 30"],
    [20, false, "exact 20"],
    [20, true, "exact 20"],
    [29, false, "nearest-below 20"],
    [10, false, "exact 10"],
    [99, false, "nearest-below 30"],
  ])("asked for %s, strict %s, goes to %s", (asked, strict, expected) => {
    expect(chosen(all, asked, strict)).toBe(expected);
  });

  it("refuses what is below all, and what is not there when strict", () => {
    expect(chosen(all, 9)).toMatchInlineSnapshot(
      `"NOTHING_BELOW: Cannot roll back "/data" to 9: every snapshot is above it; The lowest is 10"`,
    );
    expect(chosen(all, 29, true)).toMatchInlineSnapshot(
      `"NO_SUCH_SNAPSHOT: Cannot roll back "/data" to 29: there is no snapshot of exactly that height; The nearest below is 20; without --strict it is used"`,
    );
    expect(chosen(all, 9, true)).toMatchInlineSnapshot(
      `"NO_SUCH_SNAPSHOT: Cannot roll back "/data" to 9: there is no snapshot of exactly that height; The lowest is 10"`,
    );
    expect(chosen([])).toMatchInlineSnapshot(
      `"NO_SNAPSHOTS: Cannot roll back "/data": it has no snapshots; Take one with btm snapshot -s HEIGHT; it cannot help against what has happened before"`,
    );
  });
});

describe("with unmarked ones among them", () => {
  const all = [snapshot(5, false), snapshot(10), snapshot(20_240_501, false)];
  it("takes one that is named, marked or not", () => {
    expect(chosen(all, 20_240_501, true)).toBe("exact 20240501");
  });
  it("takes the latest and the nearest of the marked", () => {
    expect(chosen(all)).toBe("latest 10");
    expect(chosen(all, 99_999_999)).toBe("nearest-below 10");
  });
  it("takes an unmarked one where there is no marked one", () => {
    expect(chosen(all, 7)).toBe("nearest-below 5");
    expect(chosen([snapshot(1, false), snapshot(2, false)])).toBe("latest 2");
  });
});
