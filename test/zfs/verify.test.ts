import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it, onTestFinished } from "vitest";

import { Btm } from "../../src/index.ts";
import { devicesOf } from "../../src/sys/zvol.ts";
import { btm, EXECUTABLE } from "../support/executable.ts";
import { factsAt, smallNode, snapshotAt, URL_INSIDE, verify } from "../support/verified-volume.ts";
import { makeZvol } from "../support/zvol.ts";
import { type Dataset, zfs, zfsSuite } from "../support/zfs-suite.ts";

const suite = zfsSuite();
const follow = ["--follow", URL_INSIDE];

/** With a snapshot of 10. */
async function datasetAt10(): Promise<Dataset> {
  const volume = await suite.fresh();
  await snapshotAt(volume.dataset, volume.path, 10, factsAt(10));
  return volume;
}

/** All that there is of a volume and beside it. */
async function namesOf({ dataset }: Dataset): Promise<string[]> {
  const names = (await zfs("list", "-H", "-o", "name", "-t", "all", "-r", suite.pool.name)).trim().split("\n");
  return names.filter((name) => name.startsWith(dataset));
}

it("a node that stands where its snapshot says is exact, and one that does not is not; nothing is left", async () => {
  const volume = await datasetAt10();
  writeFileSync(join(volume.path, "height"), "7");
  const exact = await verify(volume.dataset, follow, smallNode());
  expect(exact.document.result, exact.stdout).toMatchObject({
    verified: { outcome: "exact", height: "10", hash: "0xb10c10" },
    warnings: [],
    recovered: [],
  });
  expect([exact.status, await namesOf(volume)]).toEqual([0, [volume.dataset, `${volume.dataset}@10`]]);
  await new Btm({ volume: volume.dataset }).snapshot(20, { node: factsAt(20) });

  // Given by its path, and the node told where the live files are: inside, the copy is there.
  const differs = await verify(volume.path, follow, smallNode({ folder: volume.path }));
  expect(differs.document, differs.stdout).toMatchObject({
    ok: false,
    result: { height: "20", verified: { outcome: "differs", height: "7" }, warnings: [] },
  });
  expect([differs.status, existsSync(join(volume.path, "log")), existsSync(`${volume.path}.btm`)]).toEqual([
    10,
    false,
    false,
  ]);
  const records = (await new Btm({ volume: volume.dataset }).list()).map(({ record }) => record?.verified?.outcome);
  expect(records).toEqual(["exact", "differs"]);
});

it("by kill -9 in the middle no process is left, and btm recover destroys the copy", async () => {
  const volume = await datasetAt10();
  const child = await startMute(volume);
  expect((await btm(["recover", "-p", volume.dataset])).stdout).toContain("is whole");
  child.kill("SIGKILL");
  await once(child, "close");
  const { status, stderr } = await btm(["recover", "-p", volume.dataset]);
  expect([status, stderr]).toEqual([0, "Destroyed the copy of 10, which an interrupted check had left\n"]);
  expect([await namesOf(volume), existsSync(`${volume.path}.btm`)]).toEqual([
    [volume.dataset, `${volume.dataset}@10`],
    false,
  ]);
});

it("lets the volume be snapshotted and rolled back meanwhile", async () => {
  const volume = await datasetAt10();
  await snapshotAt(volume.dataset, volume.path, 20, factsAt(20));
  const child = await startMute(volume);
  expect((await btm(["snapshot", "-p", volume.dataset, "-s", "30"])).status).toBe(0);
  expect(await btm(["rollback", "-p", volume.dataset, "-s", "10"])).toMatchObject({ status: 0, stderr: "" });
  expect(readFileSync(join(volume.path, "height"), "utf8")).toBe("10");
  child.kill("SIGTERM");
  await once(child, "close");
  expect([child.exitCode, await new Btm({ volume: volume.dataset }).clones()]).toEqual([130, []]);
});

it("finds the first bad", async () => {
  const volume = await suite.fresh();
  for (const height of [10, 20, 30, 40]) await snapshotAt(volume.dataset, volume.path, height);
  const command = ["sh", "-c", 'test "$(cat "$BTM_PATH/height")" -lt 30'];
  const args = ["bisect", "-p", volume.dataset, "--good", "10", "--bad", "40", "--trust-ends", "--", ...command];
  const { status, stdout } = await btm(args, { env: { PATH: "/usr/bin:/bin" } });
  expect([status, stdout.split("\n").at(-2)]).toEqual([
    0,
    `The first bad of ${volume.dataset} is 30; 20 is the last good one`,
  ]);
});

it("hands over the device of a copy of a zvol", async () => {
  const dataset = `${suite.pool.name}/a zvol`;
  await makeZvol(dataset);
  await btm(["snapshot", "-p", dataset, "-s", "10"]);
  const script =
    'test -b "$BTM_PATH" && dd if=/dev/zero of="$BTM_PATH" bs=4k count=1 conv=notrunc && fsck.ext4 -n "$1"';
  const [device = ""] = devicesOf((name) => name === dataset);
  const { status, document, stdout } = await verify(dataset, [], ["sh", "-c", script, "sh", device]);
  expect([status, document.result?.warnings], stdout).toEqual([0, []]);
  expect(await new Btm({ volume: dataset }).clones()).toEqual([]);
});

/** A verification of the newest snapshot whose node never answers, in the middle of it. */
async function startMute({ dataset, path }: Dataset): Promise<ChildProcess> {
  const args = ["verify", "-p", dataset, ...follow, "--", ...smallNode({ isMute: true, leavesSomething: true })];
  const child = spawn(EXECUTABLE, args, {
    stdio: ["ignore", "ignore", "inherit"],
    env: { PATH: "/usr/bin:/bin:/sbin:/usr/sbin" },
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const { height } = (await new Btm({ volume: dataset }).list()).at(-1) ?? {};
  while (!existsSync(`${path}.btm/open-${String(height)}/log`)) {
    if (child.exitCode !== null) throw new Error(`It ended with ${String(child.exitCode)}`);
    await sleep(50);
  }
  return child;
}
