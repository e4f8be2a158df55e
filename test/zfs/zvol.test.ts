import { closeSync, mkdirSync, openSync, readFileSync, symlinkSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";

import { beforeAll, describe, expect, it } from "vitest";

import { Btm } from "../../src/index.ts";
import { heightsOf } from "../contract/helpers.ts";
import { failureOf } from "../support/expect-code.ts";
import { quickRun } from "../support/quick-run.ts";
import { sleeper } from "../support/sleeper.ts";
import { undoing, zfs, zfsSuite } from "../support/zfs-suite.ts";
import { deviceOf, makeZvol } from "../support/zvol.ts";

const suite = zfsSuite();
const undo = undoing();
let dataset: string;
let device: string;
/** Where its file system is mounted at times. */
let at: string;

async function mount(source: string, where: string = at, options = "rw"): Promise<void> {
  await quickRun("mount", ["-o", options, "--", source, where]);
  undo(() => quickRun("umount", ["--", where]));
}

function db(): string {
  return readFileSync(join(at, "db"), "utf8");
}

beforeAll(async () => {
  dataset = `${suite.pool.name}/a zvol`;
  device = await makeZvol(dataset);
  at = join(suite.pool.mounts, "on a zvol");
  mkdirSync(at);
  await quickRun("mount", ["--", device, at]);
  try {
    // Nobody writes them out: btm has to.
    for (const [height, volume] of [
      [0, at],
      [10, dataset],
    ] as const) {
      writeFileSync(join(at, "db"), String(height));
      await new Btm({ volume, itv: 10 }).snapshot(height);
    }
    writeFileSync(join(at, "db"), "later");
  } finally {
    await quickRun("umount", ["--", at]);
  }
});

describe("a zvol with a file system on it", () => {
  it("is found by its device, by a link to that, and by where it is mounted", async () => {
    const link = join(suite.pool.folder, "as udev makes them");
    symlinkSync(device, link);
    await mount(device);
    for (const volume of [device, link, at]) {
      const resolved: string[] = [];
      const btm = new Btm({ volume }, { onResolved: (name) => resolved.push(name) });
      expect(await btm.list(), volume).toMatchObject([
        { height: 0n, path: undefined },
        { height: 10n, path: undefined },
      ]);
      expect(resolved).toEqual([dataset]);
    }
  });

  it("is no volume by a directory on it", async () => {
    await mount(device);
    mkdirSync(join(at, "state"), { recursive: true });
    await failureOf(new Btm({ volume: join(at, "state") }).list(), "NOT_BTRFS");
  });
});

/** Each takes the device into use, until the test ends, and tells by which words and kind it must be named. */
const uses: Record<string, () => Promise<{ readonly kind: string; readonly words: string }>> = {
  "a mount": async () => {
    await mount(device);
    return { kind: "mount", words: at };
  },
  "a process with it open": () => {
    const fd = openSync(device, "r");
    undo(() => {
      closeSync(fd);
      return Promise.resolve();
    });
    return Promise.resolve({ kind: "process", words: `process ${String(process.pid)} ` });
  },
  "a loop device": async () => {
    const loop = (await quickRun("losetup", ["--find", "--show", "--", device])).trim();
    undo(() => quickRun("losetup", ["--detach", loop]));
    return { kind: "loop-device", words: loop };
  },
  "swap space": async () => {
    undo(() => zfs("rollback", `${dataset}@10`));
    await quickRun("mkswap", [device]);
    await quickRun("swapon", [device]);
    undo(() => quickRun("swapoff", [device]));
    return { kind: "block-device", words: "swap" };
  },
  "a mount of a partition": async () => {
    undo(() => zfs("rollback", `${dataset}@10`));
    // One partition, of Linux, from sector 2048 on: what fdisk writes.
    const table = Buffer.from("00000200 83ffffff 00080000 00800000".replaceAll(" ", ""), "hex");
    for (const [bytes, position] of [
      [table, 446],
      [Buffer.from("55aa", "hex"), 510],
    ] as const) {
      const fd = openSync(device, "r+");
      writeSync(fd, bytes, 0, bytes.length, position);
      closeSync(fd);
    }
    await quickRun("blockdev", ["--rereadpt", device]);
    undo(() => quickRun("partx", ["--delete", device]));
    await quickRun("mkfs.ext4", ["-q", `${device}p1`]);
    await mount(`${device}p1`);
    return { kind: "mount", words: at };
  },
  "a mount of a newer snapshot, which has a device as well": async () => {
    await zfs("set", "snapdev=visible", dataset);
    undo(() => zfs("inherit", "snapdev", dataset));
    await mount(await deviceOf(`${dataset}@10`), at, "ro,noload");
    return { kind: "mount", words: at };
  },
};

describe("a rollback is refused, with what has the device in use", () => {
  it.each(Object.keys(uses))("%s", async (use) => {
    const btm = new Btm({ volume: dataset });
    const expected = await uses[use]?.();
    const { message, details } = await failureOf(btm.rollback(0, { discardNewer: true }), "BLOCKED");
    expect(details["blockers"]).toMatchObject([{ kind: expected?.kind }]);
    expect(message).toContain(expected?.words);
  });

  it("a mount in another mount namespace, which only the kernel sees", async () => {
    const elsewhere = await sleeper({ unshared: `mount -- ${device} ${suite.pool.folder}` });
    undo(() => elsewhere.end());
    const btm = new Btm({ volume: dataset });
    const { message, hint } = await failureOf(btm.rollback(0, { discardNewer: true }), "BLOCKED");
    expect(message).toContain("in use");
    expect(hint).toContain("namespace");
  });
});

it("a rollback of what nobody uses: mounted again, it shows the old files", async () => {
  const btm = new Btm({ volume: device });
  expect((await btm.rollback(10, { discardNewer: true })).destroyed).toEqual([]);
  await mount(device);
  expect(db()).toBe("10");
  await quickRun("umount", ["--", at]);
  expect(heightsOf((await btm.rollback(0, { discardNewer: true })).destroyed)).toEqual([10n]);
  await quickRun("mount", ["--", device, at]);
  expect(db()).toBe("0");
});
