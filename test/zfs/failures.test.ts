import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { Btm } from "../../src/index.ts";
import { failureOf } from "../support/expect-code.ts";
import { exportPool } from "../support/export-pool.ts";
import { run } from "../support/run.ts";
import { ZfsPool } from "../support/zfs-pool.ts";

let pool: ZfsPool;
beforeAll(async () => {
  pool = await ZfsPool.make();
});
afterAll(() => pool.dispose());

async function importPool(...options: readonly string[]): Promise<void> {
  await run("zpool", ["import", "-o", "cachefile=none", ...options, "-d", pool.folder, pool.name]);
}

describe("a dataset that is not there", () => {
  it("is missing for every call, as is one of a pool that is not there", async () => {
    const btm = new Btm({ volume: `${pool.name}/none` });
    for (const call of [
      () => btm.list(),
      () => btm.snapshot(10),
      () => btm.rollback(10, { discardNewer: true }),
      () => btm.clean(),
    ]) {
      const { message, hint } = await failureOf(call(), "VOLUME_MISSING");
      expect([message, hint]).toEqual([expect.stringContaining('/none"'), expect.stringContaining("zfs list")]);
    }
    await failureOf(new Btm({ volume: "btm-no-such-pool/data" }).list(), "VOLUME_MISSING");
  });

  it("is missing for one who remembers it", async () => {
    const { dataset } = await pool.makeDataset("gone", "gone");
    const btm = new Btm({ volume: dataset });
    await btm.snapshot(10);
    await run("zfs", ["destroy", "-r", dataset]);
    await failureOf(btm.snapshot(20), "VOLUME_MISSING");
  });

  it("is missing when its pool is exported in the middle of a rollback", async () => {
    const { dataset } = await pool.makeDataset("exported", "exported");
    const onStep = (step: string, when: string): void => {
      if (`${when} ${step}` === "before roll back") exportPool(pool.name);
    };
    const btm = new Btm({ volume: dataset }, { onStep });
    await btm.snapshot(10);
    await run("zfs", ["unmount", dataset]);
    expect((await failureOf(btm.rollback(10, { discardNewer: true }), "PARTLY_DONE")).cause).toMatchObject({
      code: "VOLUME_MISSING",
    });
    await importPool();
    expect(await new Btm({ volume: dataset }).list()).toHaveLength(1);
  });
});

it("a pool that is imported read-only can be listed and planned for, and refuses every change as such", async () => {
  const { dataset } = await pool.makeDataset("read-only", "read-only");
  const { dataset: unmounted } = await pool.makeDataset("unmounted", "unmounted", ["canmount=noauto"]);
  await run("zfs", ["snapshot", `${dataset}@5`]);
  for (const volume of [dataset, unmounted]) await new Btm({ volume }).snapshot(10);
  exportPool(pool.name);
  await importPool("-o", "readonly=on");
  try {
    const btm = new Btm({ volume: dataset });
    expect(await btm.list()).toHaveLength(2);
    expect(await btm.rollback(10, { discardNewer: true, dryRun: true })).toMatchObject({ blockers: [] });
    const other = new Btm({ volume: unmounted });
    for (const call of [
      () => btm.snapshot(20),
      () => btm.pin(10),
      () => btm.unpin(10),
      () => btm.rollback(10, { discardNewer: true }),
      () => other.rollback(10, { discardNewer: true }),
    ]) {
      expect((await failureOf(call(), "READ_ONLY")).hint).toContain("without readonly=on");
    }
    const { failed: notCleaned } = await btm.clean();
    const { failed: notAdopted } = await btm.adopt();
    expect([notCleaned, notAdopted]).toMatchObject([
      [{ snapshot: { height: 10n }, error: { code: "READ_ONLY" } }],
      [{ snapshot: { height: 5n }, error: { code: "READ_ONLY" } }],
    ]);
  } finally {
    exportPool(pool.name);
    await importPool();
  }
});

describe("an encrypted volume whose key is unloaded in the middle of a rollback", () => {
  it.each(["by its property", "by hand elsewhere", "as legacy"])("mounted %s", async (how) => {
    const key = join(pool.folder, "key");
    writeFileSync(key, "a passphrase");
    const encryption = ["encryption=on", "keyformat=passphrase", `keylocation=file://${key}`];
    const { dataset, mountPoint } = await pool.makeDataset(`encrypted ${how}`, `encrypted ${how}`, encryption);
    if (how !== "by its property") {
      await run("zfs", ["set", `mountpoint=${how === "as legacy" ? "legacy" : `${pool.mounts}/unused`}`, dataset]);
      const options = how === "as legacy" ? [] : ["-o", "zfsutil"];
      await run("zfs", ["unmount", dataset]).catch(() => undefined);
      await run("mount", ["--mkdir", "-t", "zfs", ...options, dataset, mountPoint]);
    }
    const file = join(mountPoint, "db");
    writeFileSync(file, "ten");
    await new Btm({ volume: dataset }).snapshot(10);
    writeFileSync(file, "live");
    const onStep = (step: string, when: string): void => {
      if (`${when} ${step}` === "before mount") execFileSync("zfs", ["unload-key", dataset]);
    };
    const { message, cause } = await failureOf(
      new Btm({ volume: dataset }, { onStep }).rollback(10, { discardNewer: true }),
      "PARTLY_DONE",
    );
    expect(message).toContain("encryption key");
    expect(cause).toMatchObject({ code: "BLOCKED", hint: expect.stringContaining("zfs load-key") as string });
    await run("zfs", ["load-key", dataset]);
    const { recovered } = await new Btm({ volume: dataset }).snapshot(20);
    expect([recovered, readFileSync(file, "utf8")]).toEqual([["Finished the interrupted rollback to 10"], "ten"]);
  });
});
