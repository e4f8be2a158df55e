import { describe, expect, it } from "vitest";

import { type BtmOptions, parseCfg, parseKept } from "./cfg.ts";
import { isBtmError } from "./errors.ts";

const volume = "/data/blockchain";

it("has the defaults of the original", () => {
  expect(parseCfg({ volume })).toEqual({
    volume,
    itv: 10n,
    cap: 100,
    algo: "fair",
    mode: undefined,
    socket: "/run/btm/btm.sock",
    lockTimeoutMs: 10_000,
  });
});

it("takes modes and algos in any case", () => {
  expect(parseCfg({ volume, mode: "BTRFS", algo: "Fade" })).toMatchObject({ mode: "btrfs", algo: "fade" });
});

it("takes the widest bounds", () => {
  expect(parseCfg({ volume, itv: 2n ** 64n - 1n, cap: 65_536 })).toMatchObject({ itv: 2n ** 64n - 1n, cap: 65_536 });
});

it("tidies slashes", () => {
  expect(parseCfg({ volume: "//data//blockchain/" }).volume).toBe(volume);
});

it.each(["zroot", "zroot/data", "Pool-1/o:d d.a_t-a/x y", `zroot/${"x".repeat(228)}`])(
  "takes the dataset %j",
  (name) => {
    expect(parseCfg({ volume: name, mode: "zfs" })).toMatchObject({ volume: name, mode: "zfs" });
  },
);

describe("refuses, with a message and a code", () => {
  it.each<[string, Record<string, unknown>]>([
    ["no volume", { volume: "" }],
    ["a missing volume", {}],
    ["a relative path", { volume: "./data/blockchain" }],
    ["the name of a dataset with mode btrfs", { volume: "zroot/data", mode: "btrfs" }],
    ["a snapshot", { volume: "zroot/data@5" }],
    ["a dataset below ..", { volume: "zroot/../data" }],
    ["a dataset with an empty part", { volume: "zroot//data" }],
    ["a dataset that begins with a dash", { volume: "-r" }],
    ["a dataset with a character that ZFS does not have", { volume: "zroot/da%ta" }],
    ["a dataset with a name of 240 bytes", { volume: `zroot/${"x".repeat(234)}` }],
    ["a volume with NUL", { volume: "/data\0x" }],
    ["a volume whose name holds a newline", { volume: "/data/block\nchain" }],
    ["a volume with ..", { volume: "/data/../etc" }],
    ["a volume with a lone surrogate", { volume: "/data/\ud800" }],
    ["a volume with a name of 240 bytes", { volume: `/data/${"x".repeat(240)}` }],
    ["a volume that is no text", { volume: 7 }],
    ["itv 0", { itv: 0 }],
    ["a negative itv", { itv: -1 }],
    ["a fractional itv", { itv: 1.5 }],
    ["an itv above 2^64 - 1", { itv: 2n ** 64n }],
    ["an itv that is not a number", { itv: "abc" }],
    ["cap 0", { cap: 0 }],
    ["a cap above the limit", { cap: 65_537 }],
    ["a cap that is not a number", { cap: "many" }],
    ["an unknown mode", { mode: "ext4" }],
    ["an unknown algo", { algo: "fast" }],
    ["a lock timeout that setTimeout would take for 1 ms", { lockTimeoutMs: 2 ** 31 }],
    ["an unknown option", { interval: 10 }],
  ])("%s", (_, options) => {
    expect(
      refusal(() =>
        parseCfg({
          ...("volume" in options || Object.keys(options).length === 0 ? {} : { volume }),
          ...options,
        } as BtmOptions),
      ),
    ).toMatchSnapshot();
  });

  it("a negative kept", () => {
    expect(refusal(() => parseKept(-1))).toMatchSnapshot();
  });
});

function refusal(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (isBtmError(error))
      return `${error.code}: ${error.message}${error.hint === undefined ? "" : `\n  ${error.hint}`}`;
    throw error;
  }
  return "not refused";
}
