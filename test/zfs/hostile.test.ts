/** What others may set or mount must not lead root to mount, unmount or destroy. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect, it } from "vitest";

import { readMounts } from "../../src/sys/mounts.ts";
import { btmOf, grow, listed } from "../contract/helpers.ts";
import { failureOf } from "../support/expect-code.ts";
import { run } from "../support/run.ts";
import { undoing, zfs, zfsSuite } from "../support/zfs-suite.ts";

const suite = zfsSuite();
const undo = undoing();

it("a property that tells how to mount the volume mounts nothing", async () => {
  const volume = await suite.fresh();
  const btm = btmOf(volume);
  await grow(btm, volume, [0]);
  const elsewhere = join(suite.pool.mounts, "elsewhere");
  mkdirSync(elsewhere);
  const guid = (await zfs("get", "-Hp", "-o", "value", "guid", volume.dataset)).trim();
  const told = { btm: 1, dataset: guid, guid, height: "0", mountPoint: elsewhere, options: ["suid"], way: "elsewhere" };
  await zfs("set", `btm:rollback=${JSON.stringify({ ...told, done: false, token: "x" })}`, volume.dataset);
  expect(await btmOf(volume).snapshot(10)).toMatchObject({ taken: true, recovered: [] });
  expect(readMounts().filter(({ mountPoint }) => mountPoint === elsewhere)).toEqual([]);
});

it("the word that a rollback is done, inherited from above, neither ends in a loop nor stops anything", async () => {
  const volume = await suite.fresh();
  const guid = (await zfs("get", "-Hp", "-o", "value", "guid", volume.dataset)).trim();
  await zfs("set", `btm:rollback=${guid} 5 of-another`, suite.pool.name);
  undo(() => zfs("inherit", "btm:rollback", suite.pool.name));
  expect(await btmOf(volume).snapshot(10)).toMatchObject({ taken: true, recovered: [] });
});

it("a row forged by a line break in a property that is inherited destroys nothing", async () => {
  const volume = await suite.fresh();
  const btm = btmOf(volume);
  await volume.snapshotByHand(20240501);
  await grow(btm, volume, [0]);
  const mark = (await btm.list())[0]?.mark;
  const forged = ["x", "9", `${volume.dataset}@20240501`, "9", "5", JSON.stringify({ ...mark, height: "20240501" })];
  await zfs("set", `btm:pin=${forged.slice(0, 2).join("\t")}\n${forged.slice(2).join("\t")}`, suite.pool.name);
  undo(() => zfs("inherit", "btm:pin", suite.pool.name));
  await failureOf(btmOf(volume).clean(), "SYSTEM_ERROR");
  await undo.all();
  expect(await listed(btm)).toEqual([0n, 20240501n]);
});

it("what is mounted over the volume is named, and stays", async () => {
  const volume = await suite.fresh();
  const btm = btmOf(volume);
  await grow(btm, volume, [0, 10]);
  await run("mount", ["-t", "tmpfs", "none", volume.path]);
  undo(() => run("umount", [volume.path]));
  writeFileSync(join(volume.path, "another's"), "");
  const { message } = await failureOf(btm.rollback(0, { discardNewer: true }), "BLOCKED");
  expect(message).toContain("something else is mounted over");
  expect(existsSync(join(volume.path, "another's"))).toBe(true);
  await undo.all();
  expect(await listed(btm)).toEqual([0n, 10n]);
  expect(volume.read("height")).toBe("10");
});
