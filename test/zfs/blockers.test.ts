import { randomBytes } from "node:crypto";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { beforeAll, expect, it } from "vitest";

import type { Blocker, Btm } from "../../src/index.ts";
import { btmOf, grow, heightsOf, listed } from "../contract/helpers.ts";
import { failureOf } from "../support/expect-code.ts";
import { type Expected, obstacles } from "../support/obstacles.ts";
import { sleeper } from "../support/sleeper.ts";
import { type Dataset, stateOf, undoing, zfs, zfsSuite } from "../support/zfs-suite.ts";

const suite = zfsSuite();
let volume: Dataset;
let btm: Btm;
let initial: string[];

const undo = undoing();

beforeAll(async () => {
  volume = await suite.fresh(["refquota=100M"]);
  btm = btmOf(volume);
  for (const name of ["of a tmpfs", "of a dataset", "of a snapshot", "of another", "bound"])
    mkdirSync(join(volume.path, name));
  writeFileSync(join(volume.path, "disk of a guest"), "");
  truncateSync(join(volume.path, "disk of a guest"), 1024 * 1024);
  writeFileSync(join(volume.path, "more than a pipe holds"), randomBytes(512 * 1024));
  writeFileSync(join(volume.path, "big"), randomBytes(2 * 1024 * 1024));
  await zfs("snapshot", `${volume.dataset}@older`);
  await grow(btm, volume, [0]);
  rmSync(join(volume.path, "big"));
  await grow(btm, volume, [10, 20, 30]);
  await zfs("bookmark", `${volume.dataset}@older`, `${volume.dataset}#older`);
  await zfs("bookmark", `${volume.dataset}@0`, `${volume.dataset}#target`);
  await zfs("hold", "of the target", `${volume.dataset}@0`, `${volume.dataset}@older`);
  await zfs("clone", "-o", "canmount=noauto", `${volume.dataset}@0`, `${volume.dataset}-of-target`);
  await btm.pin(0);
  initial = stateOf(volume);
});

const cases = obstacles({ suite, undo, volume: () => volume, btm: () => btm });

function expectAll(blockers: readonly Blocker[], expected: readonly Expected[]): void {
  expect(blockers.map(({ kind }) => kind).sort()).toEqual(expected.map(([kind]) => kind).sort());
  for (const [kind, ...words] of expected) {
    const isIt = ({ kind: its, message }: Blocker): boolean =>
      its === kind && words.every((word) => message.includes(word));
    expect(blockers.filter(isIt), `${kind} ${words.join()} in ${JSON.stringify(blockers)}`).toHaveLength(1);
  }
}

// By themselves the driver contract has these in the way.
const inContract = new Set([
  "a newer snapshot made by hand, with a height",
  "a newer snapshot that is pinned",
  "a dataset mounted inside",
  "another file system mounted inside",
  "a process in it",
  "a process in one of its snapshots",
]);

it.each(Object.keys(cases).filter((name) => !inContract.has(name)))("%s is named", async (name) => {
  const [kind, ...words] = (await cases[name]?.()) ?? expect.fail();
  const { message, hint, details } = await failureOf(btm.rollback(0, { discardNewer: true }), "BLOCKED");
  expectAll(details["blockers"] as Blocker[], [[kind, ...words]]);
  for (const word of words) expect(message).toContain(word);
  expect(hint).toBeTruthy();
});

it.each([
  ["mounted elsewhere", ["mountpoint=/mnt/of a child"]],
  ["not mounted", ["canmount=noauto"]],
])(
  "a child dataset that is %s would be moved aside with it: refused, and said to stay when in place",
  async (name, set) => {
    const child = `${volume.dataset}/child ${name}`;
    await zfs("create", ...set.flatMap((option) => ["-o", option]), child);
    undo(() => zfs("destroy", child));
    const { message, hint } = await failureOf(btm.rollback(0), "HAS_NESTED_VOLUMES");
    expect(message).toContain(child);
    expect(hint).toContain("zfs rename");
    expect((await btm.rollback(0, { discardNewer: true, dryRun: true })).blockers).toEqual([]);
    const { warnings } = await btm.rollback(0, { discardNewer: true, dryRun: true });
    expect(warnings.join()).toContain(`${child}" is a child of it, and stays as it is now`);
  },
);

it("all of them are named at once, in the plan as well; of all these refusals nothing has changed", async () => {
  const expected: Expected[] = [];
  for (const put of Object.values(cases)) expected.push(await put());
  const { details } = await failureOf(btm.rollback(0, { discardNewer: true }), "BLOCKED");
  expectAll(details["blockers"] as Blocker[], expected);
  expect((await btm.rollback(0, { discardNewer: true, dryRun: true })).blockers).toEqual(details["blockers"]);
  await undo.all();
  expect(stateOf(volume)).toEqual(initial);
});

it("a mount in another mount namespace, which only the kernel sees: refused, and mounted again", async () => {
  const process = await sleeper({ unshared: "" });
  undo(() => process.end());
  const { message, hint } = await failureOf(btm.rollback(0, { discardNewer: true }), "BLOCKED");
  expect(message).toContain("in use");
  expect(hint).toContain("mount namespace");
  expect(stateOf(volume)).toEqual(initial);
});

it("a newer snapshot that is being sent, which only the kernel sees: refused by its name, and mounted again", async () => {
  const sending = spawn("zfs", ["send", `${volume.dataset}@20`], { stdio: ["ignore", "pipe", "ignore"] });
  const ended = once(sending, "exit");
  undo(() => {
    sending.kill();
    return ended;
  });
  await once(sending.stdout, "readable");
  const { message } = await failureOf(btm.rollback(0, { discardNewer: true }), "BLOCKED");
  expect(message).toContain(`${volume.dataset}@20`);
  expect(stateOf(volume)).toEqual(initial);
});

it("what is older, or of the target itself, is not in the way, and stays", async () => {
  const older = (lines: readonly string[]): string[] =>
    lines.filter((line) => /@(older|0)\t|#(older|target)\t|-of-target/.test(line));
  expect(older(initial)).not.toEqual([]);
  expect(heightsOf((await btm.rollback(0, { discardNewer: true })).destroyed)).toEqual([10n, 20n, 30n]);
  expect(older(stateOf(volume))).toEqual(older(initial));
  expect(await listed(btm)).toEqual([0n]);
});
