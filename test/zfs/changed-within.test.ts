import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";

import { afterEach, beforeAll, expect, it } from "vitest";

import type { BtmErrorCode } from "../../src/errors.ts";
import { Btm } from "../../src/index.ts";
import { btmOf, grow } from "../contract/helpers.ts";
import { failureOf } from "../support/expect-code.ts";
import { quickRun } from "../support/quick-run.ts";
import { type Dataset, mountsOf, stateOf, undoing, zfs, zfsNow, zfsSuite } from "../support/zfs-suite.ts";

const suite = zfsSuite();
let volume: Dataset;
let initial: string[];

// The hooks run from the last to the first: this one when all is put back. Nothing was destroyed, the live state is as it
// was, it is mounted, and no journal is left.
afterEach(() => {
  if (initial.length > 0) expect(stateOf(volume)).toEqual(initial);
});
const undo = undoing();
beforeAll(async () => {
  volume = await suite.fresh();
  await grow(btmOf(volume), volume, [0, 10, 20]);
  volume.write("height", "live");
  initial = stateOf(volume);
});

const snapshot = (name: number | string): string => `${volume.dataset}@${String(name)}`;

/** Lets another hand do something right before a step of a rollback to 0, and waits for the refusal. */
async function refused(step: string, change: () => void, code: BtmErrorCode): Promise<string> {
  let changes = 0;
  const onStep = (name: string, when: string): void => {
    if (`${when} ${name}` === `before ${step}` && changes++ === 0) change();
  };
  const { message } = await failureOf(
    new Btm({ volume: volume.dataset }, { onStep }).rollback(0, { discardNewer: true }),
    code,
  );
  expect(changes).toBe(1);
  return message;
}

function makes(...args: readonly string[]): () => void {
  return () => {
    zfsNow(...args);
    undo(() => zfs("destroy", args.at(-1) ?? ""));
  };
}

it("a snapshot made when the volume is unmounted already", async () => {
  expect(await refused("roll back", makes("snapshot", snapshot(25)), "PLAN_CHANGED")).toContain(snapshot(25));
});

it("a bookmark", async () => {
  const bookmark = `${volume.dataset}#newer`;
  expect(await refused("unmount", makes("bookmark", snapshot(20), bookmark), "PLAN_CHANGED")).toContain(bookmark);
});

it("a clone of what would be destroyed", async () => {
  const change = makes("clone", "-o", "canmount=noauto", snapshot(20), `${volume.dataset}-clone`);
  expect(await refused("unmount", change, "BLOCKED")).toContain(snapshot(20));
});

it("a hold on one of those that would be destroyed keeps them all", async () => {
  const change = (): void => {
    zfsNow("hold", "mine", snapshot(20));
    undo(() => zfs("release", "mine", snapshot(20)));
  };
  expect(await refused("roll back", change, "BLOCKED")).toContain(snapshot(20));
});

it("a process that opens a file of it", async () => {
  const change = (): void => {
    const fd = openSync(join(volume.path, "height"), "r");
    undo(() => {
      closeSync(fd);
      return Promise.resolve();
    });
  };
  expect(await refused("unmount", change, "BLOCKED")).toContain(`process ${String(process.pid)} `);
});

it.each<[string, string, () => readonly string[]]>([
  ["a bind mount of it", "unmount", () => ["--bind", "--", volume.path]],
  [
    "a mount of it elsewhere, when it is unmounted already",
    "roll back",
    () => ["-t", "zfs", "-o", "zfsutil", volume.dataset],
  ],
])("%s", async (name, step, args) => {
  const at = join(suite.pool.mounts, name);
  mkdirSync(at);
  const change = (): void => {
    execFileSync("mount", [...args(), at]);
    undo(() => quickRun("umount", [at]));
  };
  await refused(step, change, "BLOCKED");
  // While the other one is there it is where it belongs as well.
  expect(mountsOf(volume.dataset).map((mount) => mount.split(" ")[2])).toContain(volume.path);
});

it("one that was destroyed or replaced: of the rest nothing is destroyed", async () => {
  const change = (): void => {
    zfsNow("destroy", snapshot(20));
    zfsNow("snapshot", snapshot(20));
  };
  initial = [];
  const live = volume.live();
  expect(await refused("roll back", change, "PLAN_CHANGED")).toContain(snapshot(20));
  expect((await btmOf(volume).list()).map(({ height, mark }) => [height, mark !== undefined])).toEqual([
    [0n, true],
    [10n, true],
    [20n, false],
  ]);
  await zfs("destroy", snapshot(20));
  expect(await refused("unmount", () => zfsNow("destroy", snapshot(10)), "PLAN_CHANGED")).toContain(volume.dataset);
  expect(volume.live()).toEqual(live);
  expect(volume.everything().join()).not.toContain("btm:rollback");
});
