import { chmodSync, statSync } from "node:fs";

import { afterAll, beforeAll, expect, it } from "vitest";

import { Btm } from "../../src/index.ts";
import { Caller } from "../support/caller.ts";
import type { Answer, Told } from "../support/fixtures/caller.ts";
import { makeSnapshots } from "../support/many-snapshots.ts";
import { run } from "../support/run.ts";
import type { TestVolume } from "../support/volumes.ts";
import { ZfsPool } from "../support/zfs-pool.ts";
import { zfsVolume } from "../support/zfs-volumes.ts";

const DEVICE = "/dev/zfs";
const NOBODY = 65_534;
const GUEST_FOLDER = process.env["BTM_ZFS_FOLDER"];

let pool: ZfsPool;
let nobody: Caller;
let deviceMode: number;
/** Whose tests leave it as it is. */
let shared: TestVolume;
beforeAll(async () => {
  deviceMode = statSync(DEVICE).mode;
  // As the udev rules of OpenZFS make it.
  chmodSync(DEVICE, 0o666);
  pool = await ZfsPool.make();
  // So that others can look at the mount points.
  for (const folder of [GUEST_FOLDER, pool.folder]) if (folder !== undefined) chmodSync(folder, 0o755);
  nobody = new Caller({ uid: NOBODY });
  shared = await makeVolume("shared");
});
afterAll(async () => {
  await nobody.stop();
  await pool.dispose();
  chmodSync(DEVICE, deviceMode);
});

/** With a snapshot made by hand at 5, and one of ours at 10. */
async function makeVolume(name: string): Promise<TestVolume> {
  const { dataset, mountPoint } = await pool.makeDataset(name, name);
  const volume = zfsVolume(dataset, mountPoint, "name");
  await volume.snapshotByHand(5);
  await makeSnapshots(dataset, [10]);
  return volume;
}

async function allow({ volume }: TestVolume, permissions: readonly string[]): Promise<void> {
  await run("zfs", ["allow", "-u", String(NOBODY), permissions.join(","), volume]);
}

async function unallow({ volume }: TestVolume): Promise<void> {
  await run("zfs", ["unallow", "-u", String(NOBODY), volume]);
}

type Call = Omit<Extract<Told, { readonly volume: string }>, "volume">;

function ask({ volume }: TestVolume, call: Call, caller: Caller = nobody): Promise<Answer> {
  return caller.tell({ volume, ...call });
}

async function codeOf(volume: TestVolume, call: Call, caller: Caller = nobody): Promise<readonly [string, unknown]> {
  return [call.call, (await ask(volume, call, caller)).code];
}

const list: Call = { call: "list" };
const snapshot: Call = { call: "snapshot", args: [20] };
const clean: Call = { call: "clean" };
const adopt: Call = { call: "adopt" };
const pin: Call = { call: "pin", args: [10] };
const unpin: Call = { call: "unpin", args: [10] };
const rollback: Call = { call: "rollback", args: [10, { discardNewer: true }] };

it("who is allowed nothing can list a volume and plan for it, and change nothing", async () => {
  const before = shared.everything({ exact: true });
  expect(await ask(shared, list)).toMatchObject({ value: [{ height: "5" }, { height: "10" }] });
  expect(await ask(shared, { call: "rollback", args: [10, { discardNewer: true, dryRun: true }] })).toMatchObject({
    value: { blockers: [] },
  });
  for (const call of [snapshot, clean, adopt, pin, unpin]) {
    const { code, hint } = await ask(shared, call);
    expect([call.call, code]).toEqual([call.call, "PERMISSION_DENIED"]);
    expect(hint).toContain("zfs allow -u USER snapshot,destroy,mount,userprop,hold,release");
  }
  expect(shared.everything({ exact: true })).toEqual(before);
});

it("each call needs its permissions, and no more", async () => {
  const volume = await makeVolume("needs");
  for (const { needs, calls } of [
    { needs: ["userprop"], calls: [adopt] },
    { needs: ["userprop", "hold"], calls: [pin] },
    { needs: ["userprop", "release"], calls: [unpin] },
    { needs: ["snapshot", "userprop"], calls: [snapshot] },
    { needs: ["destroy", "mount"], calls: [clean] },
  ]) {
    for (const missing of needs.length > 1 ? needs : []) {
      await allow(
        volume,
        needs.filter((permission) => permission !== missing),
      );
      for (const call of calls) {
        expect([missing, ...(await codeOf(volume, call))]).toEqual([missing, call.call, "PERMISSION_DENIED"]);
      }
      await unallow(volume);
    }
    await allow(volume, needs);
    for (const call of calls) expect(await codeOf(volume, call)).toEqual([call.call, undefined]);
    await unallow(volume);
  }
  expect(await new Btm({ volume: volume.volume }).list()).toEqual([]);
});

it("with what the hint names everything works but a rollback, which is refused before any change", async () => {
  const volume = await makeVolume("all");
  await allow(volume, ["snapshot", "destroy", "mount", "userprop", "hold", "release"]);
  const { value } = await ask(volume, { ...snapshot, cap: 1 });
  expect(value).toMatchObject({ taken: true, pruned: ["10"] });
  const marks = (await new Btm({ volume: volume.volume }).list()).map(({ mark }) => mark?.height);
  expect(marks).toEqual([undefined, "20"]);
  const before = volume.everything({ exact: true });
  expect(await ask(volume, { call: "rollback", args: [20, { discardNewer: true }] })).toMatchObject({
    code: "PERMISSION_DENIED",
    hint: "Run it as root",
  });
  expect(volume.everything({ exact: true })).toEqual(before);
});

it("a group is taken with what is needed on each, and of none where one is not allowed", async () => {
  const pair = [await makeVolume("execution"), await makeVolume("consensus")] as const;
  const heights = async (): Promise<unknown[]> =>
    Promise.all(
      pair.map(async ({ volume }) => {
        const list = await new Btm({ volume }).list();
        return list.map(({ height, mark }) => [height, mark?.height]);
      }),
    );
  const group = pair.map(({ volume }) => volume);
  const before = await heights();
  await allow(pair[0], ["snapshot", "userprop"]);
  for (const missing of [["snapshot"], ["userprop"], []]) {
    await allow(pair[1], ["mount", ...missing]);
    expect([missing, await nobody.tell({ group, height: 20 })]).toMatchObject([missing, { code: "PERMISSION_DENIED" }]);
    expect(await heights()).toEqual(before);
    await unallow(pair[1]);
  }
  await allow(pair[1], ["snapshot", "userprop"]);
  expect(await nobody.tell({ group, height: 20 })).toMatchObject({
    value: { members: [{ taken: true }, { taken: true }] },
  });
  const taken = [
    [5n, undefined],
    [10n, "10"],
    [20n, "20"],
  ];
  expect(await heights()).toEqual([taken, taken]);
});

it("a limit on the snapshots, which root does not have, is told as no space", async () => {
  await allow(shared, ["snapshot", "userprop"]);
  await run("zfs", ["set", "snapshot_limit=2", shared.volume]);
  expect(await codeOf(shared, snapshot)).toEqual(["snapshot", "NO_SPACE"]);
});

it("a device that is root's alone keeps others from everything", async () => {
  chmodSync(DEVICE, 0o600);
  try {
    for (const call of [list, snapshot]) expect(await codeOf(shared, call)).toEqual([call.call, "PERMISSION_DENIED"]);
  } finally {
    chmodSync(DEVICE, 0o666);
  }
});

it("root without CAP_SYS_ADMIN, as in a container, can change nothing", async () => {
  const root = new Caller({}, ["setpriv", "--bounding-set=-sys_admin", "--"]);
  expect(await codeOf(shared, snapshot, root)).toEqual(["snapshot", "PERMISSION_DENIED"]);
  // The program that rolls back is then the first change.
  await run("zfs", ["unmount", shared.volume]);
  expect(await codeOf(shared, rollback, root)).toEqual(["rollback", "PERMISSION_DENIED"]);
  await root.stop();
});
