import { expect, it } from "vitest";

import { isBtmError } from "../errors.ts";
import { compatProblem, haltsWriters, togetherIn } from "./config.ts";
import { parseConfig } from "./config-file.ts";

interface Lines {
  readonly top?: string;
  readonly execution?: string;
  readonly consensus?: string;
  readonly rest?: string;
  readonly folder?: string;
}

/** Two volumes of the group node; what is said of the first one begins in line 4, of the second one in line 8. */
function fileOf({ top = "", execution = "", consensus = "", rest = "", folder = "tank" }: Lines): string {
  return `${top}
[volumes.execution]
volume = "${folder}/execution"
${execution}
group = "node"
[volumes.consensus]
volume = "${folder}/consensus"
${consensus}
group = "node"
${rest}
`;
}

function problemsOf(lines: Lines): readonly unknown[] {
  try {
    parseConfig(fileOf(lines), "btm.toml");
  } catch (error) {
    if (isBtmError(error)) return error.details["problems"] as readonly unknown[];
    throw error;
  }
  return [];
}

const HALTS = 'pre_snapshot = ["/bin/halt"]';

it("puts volumes of one group together, beside those of none", () => {
  const alone = '[volumes.alone]\nvolume = "tank/alone"';
  const config = parseConfig(fileOf({ rest: `${alone}\n[groups.node]\npost_snapshot = ["/bin/true"]` }), "btm.toml");
  const all = togetherIn(config).map(({ group, volumes }) => [group?.name, volumes.map(({ name }) => name)]);
  expect(all).toEqual([
    ["node", ["execution", "consensus"]],
    [undefined, ["alone"]],
  ]);
  expect(config.groups).toMatchObject([{ name: "node", hooks: { pre: undefined, post: ["/bin/true"] } }]);
});

it.each<[string, Lines]>([
  ["itv = 11", { execution: "itv = 11" }],
  ["cap = 7", { execution: "cap = 7" }],
  ['algo = "fade"', { execution: 'algo = "fade"' }],
])("wants %s of all or none, and names both lines", (line, lines) => {
  const [key = "", value = ""] = line.replaceAll('"', "").split(" = ");
  expect(problemsOf(lines)).toMatchObject([
    {
      where: "btm.toml:6",
      message: expect.stringMatching(
        new RegExp(
          `^Cannot use the group "node": ${key} is \\w+ in consensus \\(line 6\\) and ${value} in execution \\(line 4\\)$`,
        ),
      ) as unknown,
    },
  ]);
  expect(problemsOf({ ...lines, consensus: line })).toEqual([]);
});

it("takes Btrfs only with a hook that halts what writes, on the group or on any of its volumes", () => {
  const btrfs = (line = "", rest = ""): Lines => ({ execution: `mode = "btrfs"\n${line}`, rest, folder: "/data" });
  expect(problemsOf(btrfs())).toEqual([
    {
      where: "btm.toml:6",
      message:
        'Cannot use the group "node": Btrfs has no step that snapshots several subvolumes, so they would be of different moments',
      hint: expect.stringMatching(
        /^Put what belongs together into one subvolume; or give \[groups\.node\] a pre_snapshot/,
      ) as unknown,
    },
  ]);
  expect(problemsOf(btrfs(HALTS))).toEqual([]);
  expect(problemsOf(btrfs("", `[groups.node]\n${HALTS}`))).toEqual([]);
  expect(problemsOf(btrfs("", `[groups.node]\n${HALTS}\npre_snapshot_fatal = false`))).toHaveLength(1);
  expect(problemsOf(btrfs('post_snapshot = ["/bin/true"]'))).toHaveLength(1);
});

it("knows of a group whose mode is not given whether its writers are halted", () => {
  const [none] = togetherIn(parseConfig(fileOf({}), "btm.toml"));
  const [halted] = togetherIn(parseConfig(fileOf({ consensus: HALTS }), "btm.toml"));
  expect([none, halted].map((one) => one && haltsWriters(one))).toEqual([false, true]);
});

it.each<[string, Lines, string]>([
  ["as a volume is", { rest: '[volumes.node]\nvolume = "tank/node"' }, "a volume is called so"],
  ["with a key that is none", { rest: "[groups.node]\nitv = 10" }, 'Unknown key "itv" in [groups.node]'],
  ["of which no volume is", { rest: "[groups.nodes]" }, 'No volume is in the group "nodes"'],
  [
    "of more than sixteen",
    {
      rest: Array.from(
        { length: 15 },
        (_, i) => `[volumes.v${String(i)}]\nvolume = "tank/v${String(i)}"\ngroup = "node"`,
      ).join("\n"),
    },
    "it has 17 volumes, and 16 is the most",
  ],
])("refuses a group %s", (_, lines, message) => {
  expect(problemsOf(lines)).toMatchObject([{ message: expect.stringContaining(message) as unknown }]);
});

it("wants a name of a group that can stand in a URL", () => {
  const text = fileOf({}).replaceAll('"node"', '"no/de"');
  const read = (): unknown => parseConfig(text, "btm.toml");
  expect(read).toThrow('Cannot use the group "no/de": expected 1 to 64 letters');
});

it("does not take a volume that could not be read for one that is not there", () => {
  expect(problemsOf({ consensus: "cap = 0" })).toMatchObject([{ where: "btm.toml:8" }]);
});

it("serves the socket of the original for one group as for one volume", () => {
  const config = parseConfig(fileOf({ top: "compat_socket = true" }), "btm.toml");
  expect(compatProblem(config)).toBeUndefined();
  expect(problemsOf({ top: "compat_socket = true", rest: '[volumes.alone]\nvolume = "tank/alone"' })).toHaveLength(1);
});
