import fc from "fast-check";
import { expect, it } from "vitest";

import { fuzzRuns } from "../../test/support/fuzz-runs.ts";
import { BtmError } from "../errors.ts";
import { configOfFlags, nameOfVolume } from "./config.ts";
import { parseConfig } from "./config-file.ts";
import type { Problem } from "./config-table.ts";
import { parseMinFree } from "./min-free.ts";
import { nearest } from "./nearest.ts";

const FULL = `
socket = "/run/elsewhere/btm.sock"
log_level = "debug"

[volumes.node]
volume = "/data//blockchain/"
itv = 4
cap = 20
algo = "fade"
mode = "btrfs"
pins = [1234000, "18446744073709551615"]
min_free = "10GiB"
min_keep = 5
pre_snapshot = ["/usr/local/bin/flush", "--now"]
post_snapshot = ["/usr/bin/logger", "taken"]
hook_timeout = 7
pre_snapshot_fatal = false

[volumes."pruned.1"]
volume = "zroot/data"
`;

it("reads every key, and fills in what is not given", () => {
  const { volumes, ...rest } = parseConfig(FULL, "btm.toml");
  expect(rest).toEqual({ socket: "/run/elsewhere/btm.sock", compatSocket: false, logLevel: "debug", groups: [] });
  expect(volumes).toMatchObject([
    {
      name: "node",
      cfg: { volume: "/data/blockchain", itv: 4n, cap: 20, algo: "fade", mode: "btrfs" },
      pins: [1_234_000n, 18_446_744_073_709_551_615n],
      minFree: { kind: "bytes", bytes: 10n * 1024n ** 3n },
      minKeep: 5,
      hooks: {
        pre: ["/usr/local/bin/flush", "--now"],
        post: ["/usr/bin/logger", "taken"],
        timeoutMs: 7000,
        isPreFatal: false,
      },
    },
    {
      name: "pruned.1",
      cfg: { volume: "zroot/data", itv: 10n, cap: 100, algo: "fair", mode: undefined },
      pins: [],
      minFree: { kind: "percent", percent: 5 },
      minKeep: 3,
      hooks: { pre: undefined, post: undefined, timeoutMs: 30_000, isPreFatal: true },
    },
  ]);
});

it("makes of flags what it makes of a file", () => {
  const options = { volume: "/data", itv: "4", cap: "100", mode: "btrfs", algo: "fade" };
  const file = `[volumes.data]\nvolume = "/data"\nitv = 4\ncap = 100\nmode = "btrfs"\nalgo = "fade"\n`;
  const flags = configOfFlags(
    options,
    { follow: undefined, quiesce: undefined, unit: undefined },
    { socket: "/run/btm/btm.sock", compatSocket: false },
  );
  expect(flags).toEqual(parseConfig(file, "btm.toml"));
});

it.each<[string, string, RegExp]>([
  ["itv = 0", "btm.toml:3", /^Cannot use itv 0: expected a whole number from 1/],
  ['cap = "many"', "btm.toml:3", /^Cannot use cap "many"/],
  ['algo = "fadee"', "btm.toml:3", /expected fair or fade/],
  ['mode = "external"', "btm.toml:3", /the daemon is what external mode asks/],
  ["min_fre = 1", "btm.toml:3", /^Unknown key "min_fre" in \[volumes\.node\]/],
  ["__proto__ = 1", "btm.toml:3", /^Unknown key "__proto__"/],
  ["toString = 1", "btm.toml:3", /^Unknown key "toString"/],
  ['min_free = "100%"', "btm.toml:3", /^Cannot use min_free "100%": expected a percentage below 100/],
  ["min_free = 1.5", "btm.toml:3", /^Cannot use min_free 1\.5/],
  ["min_keep = 0", "btm.toml:3", /^Cannot use min_keep 0: expected a whole number from 1 to 65536/],
  ['pins = [1, "-1"]', "btm.toml:3", /^Cannot read the pin "-1"/],
  ["pins = 7", "btm.toml:3", /^Cannot use pins 7: expected an array/],
  ['pre_snapshot = "/bin/sync"', "btm.toml:3", /expected an array of text/],
  ['pre_snapshot = ["sync"]', "btm.toml:3", /whose first entry is an absolute path/],
  ["post_snapshot = []", "btm.toml:3", /whose first entry is an absolute path/],
  ["hook_timeout = 0", "btm.toml:3", /^Cannot use hook_timeout 0/],
  ['pre_snapshot_fatal = "no"', "btm.toml:3", /expected true or false/],
  ["group = 1", "btm.toml:3", /^Cannot use group 1: expected text in quotes/],
  ['group = "both"', "btm.toml:3", /^Cannot use the group "both": node is alone in it/],
  ["[groups.node]", "btm.toml:3", /^No volume is in the group "node"/],
  ['[volumes.twin]\nvolume = "/data/"', "btm.toml:4", /configured twice: as node and twin/],
  ["[volumes.-]\nvolume = '/x'", "btm.toml:3", /^Cannot use the name "-"/],
  ["[other]", "btm.toml:3", /^Unknown key "other" in the file/],
  ["itv = ", "btm.toml:3", /^Not TOML: /],
])("refuses %j", (line, where, message) => {
  expect(problemsOf(`[volumes.node]\nvolume = "/data"\n${line}\n`)).toMatchObject([
    { where, message: expect.stringMatching(message) as unknown },
  ]);
});

it.each<[string, RegExp]>([
  ["", /^No volume is configured/],
  ["volumes = 3", /^Cannot use volumes 3: expected tables/],
  ["[volumes]\nnode = 1", /^Cannot use volumes\.node 1: expected a table/],
  ["[volumes.node]", /^No volume given in \[volumes\.node\]/],
  ['[volumes.node]\nvolume = "data/../x"', /^Cannot use the volume/],
  ['socket = "btm.sock"\n[volumes.node]\nvolume = "/data"', /^Cannot use the socket "btm.sock"/],
  ['log_level = "loud"\n[volumes.node]\nvolume = "/data"', /^Cannot use log_level "loud"/],
])("refuses the file %j", (text, message) => {
  expect(problemsOf(text)[0]?.message).toMatch(message);
});

it("serves the socket of the original for one volume only, which its requests do not name", () => {
  const one = 'compat_socket = true\n[volumes.a]\nvolume = "/a"\n';
  expect(parseConfig(one, "btm.toml").compatSocket).toBe(true);
  expect(problemsOf(`${one}[volumes.b]\nvolume = "/b"`)).toMatchObject([
    { where: "btm.toml:1", message: expect.stringMatching(/^Cannot serve the datagram socket/) as unknown },
  ]);
});

it("tells all that is wrong at once, each with its line, and what was meant", () => {
  const problems = problemsOf(
    '[volumes.a]\nvolume = "/a"\nitvv = 1\n\n[volumes.b]\nvolume = "/b"\ncap = 0\nmin_free = 1\n',
  );
  expect(problems.map(({ where, hint }) => [where, hint])).toEqual([
    ["btm.toml:3", "Did you mean itv?"],
    ["btm.toml:7", undefined],
  ]);
});

it("finds the line of a quoted, a dotted and an inline key", () => {
  const where = (text: string): string | undefined => problemsOf(text)[0]?.where;
  expect(where('[volumes."a.b"]\nvolume = "/a"\n"itv" = 0')).toBe("btm.toml:3");
  expect(where('volumes.a.volume = "/a"\nvolumes.a.itv = 0')).toBe("btm.toml:2");
  expect(where('\nvolumes.a = { volume = "/a", itv = 0 }')).toBe("btm.toml:2");
});

it("answers any text with a configuration or with problems", { timeout: 3_600_000 }, () => {
  const lines = fc.constantFrom(
    "[volumes.a]",
    "[volumes]",
    'volume = "/a"',
    "itv = 1",
    "cap = -1",
    "pins = [1]",
    "x = { y = [",
    '"""',
    "[[volumes]]",
    "volumes.a.b = 2020-01-01",
    "socket = 1",
    "__proto__ = 1",
    "[__proto__]",
    "constructor.prototype = 1",
  );
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.array(fc.oneof(lines, fc.string())).map((all) => all.join("\n")),
  );
  fc.assert(
    fc.property(text, (given) => {
      try {
        expect(parseConfig(given, "btm.toml").volumes.length).toBeGreaterThan(0);
      } catch (error) {
        expect(error).toBeInstanceOf(BtmError);
        expect(error).toMatchObject({ code: "BAD_CONFIG" });
      }
    }),
    { numRuns: fuzzRuns(500) },
  );
});

it.each<[unknown, unknown]>([
  ["5%", { kind: "percent", percent: 5 }],
  ["0.5 %", { kind: "percent", percent: 0.5 }],
  ["10GiB", { kind: "bytes", bytes: 10_737_418_240n }],
  ["10 GB", { kind: "bytes", bytes: 10_000_000_000n }],
  ["0", { kind: "bytes", bytes: 0n }],
  [1024, { kind: "bytes", bytes: 1024n }],
  ["9999999999999999999", undefined],
  ["1.5GiB", undefined],
  ["-1", undefined],
  ["", undefined],
  [true, undefined],
])("reads the floor %j", (input, expected) => {
  expect(parseMinFree(input)).toEqual(expected);
});

it.each([
  ["/data/blockchain", "blockchain"],
  ["zroot/my data", "my-data"],
  ["/", "volume"],
  ["/..ü", "volume"],
])("names %j %s", (volume, name) => {
  expect(nameOfVolume(volume)).toBe(name);
});

it("suggests what is a slip away, and nothing else", () => {
  expect(nearest("capp", ["cap", "itv"])).toBe("cap");
  expect(nearest("ivt", ["cap", "itv"])).toBe("itv");
  expect(nearest("colour", ["cap", "itv"])).toBeUndefined();
});

function problemsOf(text: string): Problem[] {
  try {
    parseConfig(text, "btm.toml");
  } catch (error) {
    if (error instanceof BtmError && error.code === "BAD_CONFIG") return error.details["problems"] as Problem[];
    throw error;
  }
  throw new Error(`It was taken: ${text}`);
}
