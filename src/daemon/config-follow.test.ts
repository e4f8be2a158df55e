import { expect, it } from "vitest";

import { BtmError } from "../errors.ts";
import { parseConfig } from "./config-file.ts";
import type { VolumeConfig } from "./config.ts";
import type { Problem } from "./config-table.ts";

const HEAD = '[volumes.node]\nvolume = "/data"\n';
const NODE = 'follow = "http://127.0.0.1:8545"\n';

function nodeOf(keys: string): Pick<VolumeConfig, "follow" | "quiesce" | "unit"> {
  const [volume] = parseConfig(HEAD + keys, "btm.toml").volumes;
  if (volume === undefined) throw new Error("There is no volume");
  const { follow, quiesce, unit } = volume;
  return { follow, quiesce, unit };
}

function problemsOf(keys: string): string[] {
  try {
    parseConfig(HEAD + keys, "btm.toml");
  } catch (error) {
    if (!(error instanceof BtmError)) throw error;
    return (error.details["problems"] as Problem[]).map(({ where, message }) => `${where.slice(9)} ${message}`);
  }
  return [];
}

it("follows nothing unless it is told to, and asks for nothing to be done to the node", () => {
  expect(nodeOf("")).toEqual({ follow: undefined, quiesce: undefined, unit: undefined });
});

it("finds everything out by itself, of an address alone", () => {
  expect(nodeOf(NODE).follow).toEqual({
    url: "http://127.0.0.1:8545",
    family: undefined,
    finality: { kind: "latest" },
    user: undefined,
    password: undefined,
    cookie: undefined,
    expectChain: undefined,
    push: undefined,
    whileSyncing: "skip",
    http: undefined,
  });
});

it("reads every key", () => {
  const keys = [
    'follow = "http://127.0.0.1:9332"',
    'chain = "bitcoin"',
    "finality = 6",
    'cookie = "regtest/.cookie"',
    'expect_chain = "0f9188f1"',
    "push = false",
    'while_syncing = "take"',
    'quiesce = "freeze"',
    'unit = "litecoind.service"',
  ];
  expect(nodeOf(keys.join("\n"))).toMatchObject({
    follow: {
      family: "bitcoin",
      finality: { kind: "depth", depth: 6n },
      cookie: "regtest/.cookie",
      expectChain: "0f9188f1",
      push: false,
      whileSyncing: "take",
    },
    quiesce: "freeze",
    unit: "litecoind.service",
  });
  const http = 'height_path = "result.height"\nheight_base = "hex"\nheight_offset = -1\nhash_path = "result.hash"\n';
  expect(nodeOf(NODE + http).follow).toMatchObject({
    family: "http",
    http: { path: "result.height", base: "hex", offset: -1n, hashPath: "result.hash" },
  });
});

it.each([
  ['chain = "evm"', '3 Cannot use chain "evm": it says how a node is followed, and none is'],
  ['while_syncing = "take"', '3 Cannot use while_syncing "take": it says how a node is followed, and none is'],
  ['password = "hunter2"', "3 Cannot use password as it is given: it says how a node is followed, and none is"],
  [`${NODE}request_body = "key"`, "4 Cannot use request_body as it is given: it is for the family http alone"],
  ['follow = "ftp://127.0.0.1"', "3 Cannot use the URL of the node: expected one of http or https"],
  ["follow = 8545", "3 Cannot use the URL of the node: expected one of http or https"],
  [`${NODE}chain = "doge"`, /^4 Cannot use chain "doge": expected evm, beacon, /],
  [`${NODE}chain = "http"`, "4 Cannot use chain http: it wants height_path, the path to the height in the answer"],
  [`${NODE}chain = "evm"\nheight_path = "a"`, '4 Cannot use chain "evm": height_path is for the family http alone'],
  [`${NODE}height_offset = -1`, '4 Cannot use height_offset "-1": it is for the family http alone'],
  [
    `${NODE}height_path = "a"\nheight_offset = "x"`,
    '5 Cannot use height_offset "x": expected a whole number, for example -1',
  ],
  [`${NODE}height_path = "a"\nheight_base = "oct"`, '5 Cannot use height_base "oct": expected dec, hex, auto'],
  [`${NODE}finality = "soon"`, /^4 Cannot use the finality "soon": expected latest, safe, finalized or a depth/],
  [
    `${NODE}chain = "bitcoin"\nfinality = "safe"`,
    "5 Cannot use the finality safe with bitcoin: it knows latest, a depth",
  ],
  [`${NODE}cookie = "../.cookie"`, '4 Cannot use cookie "../.cookie": expected a path, absolute or below the volume'],
  [`${NODE}while_syncing = "wait"`, '4 Cannot use while_syncing "wait": expected skip, take'],
  [`${NODE}push = "mail"`, "4 Cannot use the URL of the node: expected one of http or https"],
  ['quiesce = "flush"', "3 Cannot use quiesce flush: a node is asked for it, and none is followed"],
  ['quiesce = "freeze"', "3 Cannot use quiesce freeze: it is done to a systemd unit, and none is given"],
  ['quiesce = "halt"', '3 Cannot use quiesce "halt": expected none, flush, freeze, stop'],
  [`${NODE}unit = "a"`, "4 Cannot use unit: nothing is done to it but by the quiesce freeze or stop"],
  [`${NODE}user = true`, "4 Cannot use user true: expected text in quotes"],
])("refuses %j", (keys, problem) => {
  expect(problemsOf(keys)).toEqual([problem instanceof RegExp ? (expect.stringMatching(problem) as string) : problem]);
});

it("refuses a group of which two follow a node", () => {
  const two = `${HEAD}group = "both"\n${NODE}[volumes.other]\nvolume = "/other"\ngroup = "both"\n${NODE}`;
  expect(() => parseConfig(two, "btm.toml")).toThrow("both node and other follow a node");
});

it("reads how the newest snapshot is verified", () => {
  const keys = 'verify = "weekly"\nverify_command = ["/usr/bin/node", "--data={path}"]\n';
  const verifyOf = (more: string): unknown => parseConfig(HEAD + keys + more, "btm.toml").volumes[0]?.verify;
  const command = ["/usr/bin/node", "--data={path}"];
  expect(verifyOf("")).toEqual({ every: "weekly", command, follow: undefined, timeoutSeconds: 1800 });
  expect(verifyOf(NODE)).toMatchObject({ follow: "http://127.0.0.1:8545" });
  const own = 'verify_follow = "http://127.0.0.1:1"\nverify_timeout = 60\n';
  expect(verifyOf(NODE + own)).toMatchObject({ follow: "http://127.0.0.1:1", timeoutSeconds: 60 });
});

it("verifies no node that is asked by a password, which others could read and which is not handed on", () => {
  const verify = 'verify = "weekly"\nverify_command = ["/usr/bin/node"]\n';
  const refused = (where: string): string[] => [
    `${where} Cannot verify a node that is asked by user and password: everybody could read them on a command line; use cookie`,
  ];
  const inUrl = 'follow = "http://user:hidden@127.0.0.1:1"\n';
  expect(problemsOf(inUrl + verify)).toEqual(refused("4"));
  expect(problemsOf('follow = "http://:hidden@127.0.0.1:1"\n' + verify)).toEqual(refused("4"));
  expect(problemsOf(`${NODE}user = "a"\n${verify}`)).toEqual(refused("5"));
  expect(problemsOf(`${NODE}password = "hidden"\n${verify}`)).toEqual(refused("5"));
  const other = 'verify_follow = "http://127.0.0.1:1"\n';
  expect(problemsOf(inUrl + verify + other)).toEqual(refused("4"));
  expect(problemsOf(`${verify}verify_follow = "http://user:hidden@127.0.0.1:1"\n`)).toEqual(refused("5"));
  expect(problemsOf(`${NODE}cookie = ".cookie"\n${verify}${other}`)).toEqual([]);
  expect(problemsOf(inUrl)).toEqual([]);
});

it.each([
  ['verify = "yearly"', '3 Cannot use verify "yearly": expected daily, weekly, monthly'],
  ['verify_command = ["/bin/true"]', "3 Cannot use verify_command: verify says when, and is not given"],
  [
    `${NODE}chain = "http"\nheight_path = "height"\nverify = "daily"\nverify_command = ["/usr/bin/true", "{path}"]`,
    /Cannot verify a node of the family http/,
  ],
  ['verify = "daily"', /^3 Cannot verify: verify_command must be an array/],
  ['verify = "daily"\nverify_command = ["true"]', /^4 Cannot verify: verify_command must be an array/],
])("refuses %j", (keys, problem) => {
  expect(problemsOf(keys)).toEqual([problem instanceof RegExp ? (expect.stringMatching(problem) as string) : problem]);
});
