import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { Btm, type BtmDeps } from "../../src/index.ts";
import { parseConfig } from "../../src/daemon/config-file.ts";
import { Daemon } from "../../src/daemon/daemon.ts";
import { Log } from "../../src/daemon/log.ts";
import { DatasetLock } from "../../src/driver/zfs/lock.ts";
import { listed } from "../contract/helpers.ts";
import { bundleFixture } from "../support/bundle-fixture.ts";
import { failureOf } from "../support/expect-code.ts";
import { FailingPool } from "../support/failing-pool.ts";
import { Fixture } from "../support/fixture.ts";
import { quickRun } from "../support/quick-run.ts";
import { KeepAliveClient } from "../support/keep-alive-client.ts";
import { Operators } from "../support/operators.ts";
import { type Dataset, zfs, zfsNow, zfsSuite } from "../support/zfs-suite.ts";
import { ZfsPool } from "../support/zfs-pool.ts";

const suite = zfsSuite();

interface Pair {
  readonly datasets: readonly [Dataset, Dataset];
  readonly btms: readonly [Btm, Btm];
}

async function freshPair(deps: BtmDeps = {}, cap = 100): Promise<Pair> {
  const datasets = [await suite.fresh(), await suite.fresh()] as const;
  return { datasets, btms: pairOf(datasets[0].dataset, datasets[1].dataset, deps, cap) };
}

function pairOf(first: string, second: string, deps: BtmDeps = {}, cap = 100): readonly [Btm, Btm] {
  const btmOf = (volume: string): Btm => new Btm({ volume, itv: 10, cap, lockTimeoutMs: 120_000 }, deps);
  return [btmOf(first), btmOf(second)];
}

/** The heights of each, and the transaction of each snapshot. */
async function txgs({ datasets }: Pick<Pair, "datasets">): Promise<Record<string, string>[]> {
  const all: Record<string, string>[] = [];
  for (const { dataset } of datasets) {
    const rows = await zfs("list", "-Hp", "-d", "1", "-t", "snapshot", "-o", "name,createtxg", dataset);
    const pairs = rows
      .trimEnd()
      .split("\n")
      .map((row) => row.split("\t"));
    all.push(Object.fromEntries(pairs.map(([name = "", txg = ""]) => [name.split("@")[1] ?? "", txg])));
  }
  return all;
}

async function heights({ btms }: Pick<Pair, "btms">): Promise<bigint[][]> {
  return [await listed(btms[0]), await listed(btms[1])];
}

describe("two datasets that a program writes to, one after the other", () => {
  it("are taken in one transaction: the second is never ahead of the first", { timeout: 300_000 }, async () => {
    const pair = await freshPair();
    const [first, second] = pair.datasets;
    const files = [join(first.path, "count"), join(second.path, "count")];
    const writer = new Fixture("count-in-both", files);
    expect(await writer.next()).toBe("writing");
    const countAt = (volume: Dataset, height: number): number => {
      return Number(volume.readAt(height, "count"));
    };
    const ahead: number[] = [];
    for (let height = 10; height <= 100; height += 10) {
      expect(await Btm.snapshotGroup(pair.btms, height)).toMatchObject({ taken: true, reason: "due" });
      ahead.push(countAt(first, height) - countAt(second, height));
    }
    // That it would be seen: one after the other they are of different moments.
    for (const { dataset } of pair.datasets) await zfs("snapshot", `${dataset}@1000`);
    await writer.stop();
    expect(ahead.filter((by) => by !== 0 && by !== 1)).toEqual([]);
    expect(countAt(first, 1000)).toBeLessThan(countAt(second, 1000));
    const [a = {}, b = {}] = await txgs(pair);
    expect(Object.keys(a)).toHaveLength(11);
    expect({ ...a, 1000: "" }).toEqual({ ...b, 1000: "" });
    expect(new Set(Object.values(a)).size).toBe(11);
    // Nothing but the snapshots' marks tells that they were taken together.
    const all = [await pair.btms[0].list(), await pair.btms[1].list()];
    for (const snapshots of all) {
      expect(snapshots.filter(({ mark }) => mark === undefined).map(({ height }) => height)).toEqual([1000n]);
    }
    const guids = pair.datasets.map(({ dataset }) => zfs("get", "-Hp", "-o", "value", "guid", dataset));
    const marks = all.map((snapshots) => snapshots[0]?.mark);
    expect(marks).toEqual(
      (await Promise.all(guids)).map((guid, i) => {
        const volume = pair.datasets[i]?.dataset.split("/")[1];
        return { btm: 1, height: "10", volume, origin: guid.trim() };
      }),
    );
  });

  it("are locked in one order whatever order they are given in", async () => {
    const pair = await freshPair();
    const again = pairOf(pair.datasets[1].dataset, pair.datasets[0].dataset);
    const [one, other] = await Promise.all([Btm.snapshotGroup(pair.btms, 10), Btm.snapshotGroup(again, 20)]);
    expect([one.taken, other.taken]).toContain(true);
    const [a, b] = await heights(pair);
    expect(a).toEqual(b);
  });
});

it("what was written through mappings is in all of them", async () => {
  const pair = await freshPair();
  const holders: Fixture[] = [];
  try {
    for (const dataset of pair.datasets) {
      dataset.write("db", "-".repeat(8192));
      const holder = new Fixture("holder", { how: "written mapping", file: join(dataset.path, "db") });
      holders.push(holder);
      expect(await holder.next()).toBe("ready");
    }
    await Btm.snapshotGroup(pair.btms, 10);
    for (const dataset of pair.datasets) expect(dataset.readAt(10, "db")).toBe("mapped".padEnd(8192, "+"));
  } finally {
    await Promise.all(holders.map((holder) => holder.stop()));
  }
});

describe("the daemon", () => {
  async function serve(first: string, second: string): Promise<{ daemon: Daemon; client: KeepAliveClient }> {
    const socket = join(suite.pool.folder, "btm.sock");
    const of = (name: string, volume: string): string =>
      `[volumes.${name}]\nvolume = "${volume}"\nitv = 10\nmin_free = 0\ngroup = "node"\n`;
    const text = `socket = "${socket}"\n${of("execution", first)}${of("consensus", second)}`;
    const daemon = new Daemon({
      load: () => Promise.resolve(parseConfig(text, "btm.toml")),
      log: new Log({ write: () => undefined, isJournal: false, now: () => new Date() }),
      env: {},
      deadlineMs: 120_000,
    });
    await daemon.start();
    return { daemon, client: new KeepAliveClient(socket, "node") };
  }

  it("takes both for who asks for the group, in one transaction", async () => {
    const pair = await freshPair();
    const { daemon, client } = await serve(pair.datasets[0].dataset, pair.datasets[1].dataset);
    try {
      const volumes = ["execution", "consensus"];
      expect(await client.take(10)).toMatchObject({ status: 200, body: { volume: "node", volumes, taken: true } });
      expect(await client.take(11)).toMatchObject({
        status: 200,
        body: { taken: false, reason: "not-due", last: "10" },
      });
      await pair.datasets[1].snapshotByHand(20);
      expect(await client.take(20)).toMatchObject({ status: 409, body: { code: "NAME_TAKEN" } });
      expect(await client.take(21)).toMatchObject({ status: 200, body: { taken: true, last: "10" } });
      const [a = {}, b = {}] = await txgs(pair);
      expect(Object.keys(a)).toEqual(["10", "21"]);
      expect(b).toEqual({ ...a, 20: b["20"] });
    } finally {
      client.close();
      await daemon.stop();
    }
  });

  it("says at its start that they are of two pools", async () => {
    const [{ dataset }] = (await freshPair()).datasets;
    const other = await ZfsPool.make();
    try {
      const { daemon, client } = await serve(dataset, (await other.makeDataset("data", "data")).dataset);
      const problem = expect.stringContaining(`they are of the pools "${suite.pool.name}", "${other.name}"`) as unknown;
      expect(await client.get("/v1/status")).toMatchObject({ body: { volumes: [{ problem }, { problem }] } });
      expect(await client.take(10)).toMatchObject({ status: 503, body: { code: "MODE_UNAVAILABLE" } });
      client.close();
      await daemon.stop();
    } finally {
      await other.dispose();
    }
  });
});

describe("the heights of a group", () => {
  it("are those that all have; what one lacks is said, and is due again", async () => {
    const pair = await freshPair();
    const [a, b] = pair.btms;
    await Btm.snapshotGroup(pair.btms, 10);
    await a.snapshot(20);
    expect(await Btm.groupHeights(pair.btms)).toEqual({
      heights: [{ height: 10n, isOurs: true }],
      lacking: [{ volume: pair.datasets[1].dataset, heights: [20n] }],
    });
    const { message } = await failureOf(Btm.snapshotGroup(pair.btms, 20), "NAME_TAKEN");
    expect(message).toContain(`"${pair.datasets[0].dataset}" has a snapshot of that height already`);
    expect(await Btm.snapshotGroup(pair.btms, 21)).toMatchObject({ taken: true, last: 10n });
    expect(await Btm.snapshotGroup(pair.btms, 22)).toMatchObject({ taken: false, reason: "not-due", last: 21n });
    expect(await Btm.snapshotGroup(pair.btms, 21)).toMatchObject({ taken: false, reason: "exists", last: 21n });
    expect(await listed(b)).toEqual([10n, 21n]);
  });

  it("are thinned in all alike: what one keeps all keep", async () => {
    const pair = await freshPair({}, 2);
    const [a] = pair.btms;
    for (const height of [0, 10]) await Btm.snapshotGroup(pair.btms, height);
    await a.pin(0);
    expect(await Btm.snapshotGroup(pair.btms, 20)).toMatchObject({ pruned: [] });
    expect(await Btm.snapshotGroup(pair.btms, 30)).toMatchObject({
      pruned: [10n],
      members: [
        { volume: pair.datasets[0].dataset, pruned: [10n], failed: [] },
        { volume: pair.datasets[1].dataset, pruned: [10n], failed: [] },
      ],
    });
    expect(await heights(pair)).toEqual([
      [0n, 20n, 30n],
      [0n, 20n, 30n],
    ]);
  });

  it("go on after a member was rolled back by itself, like any volume, and that was undone", async () => {
    const pair = await freshPair();
    const [a, b] = pair.btms;
    const [first] = pair.datasets;
    for (const height of [10, 20]) {
      first.write("height", String(height));
      await Btm.snapshotGroup(pair.btms, height);
    }
    expect(await a.rollback(10)).toMatchObject({ undo: { number: 1, from: 20n, to: 10n } });
    expect(readFileSync(join(first.path, "height"), "utf8")).toBe("10");
    expect(await Btm.groupHeights(pair.btms)).toMatchObject({ lacking: [{ heights: [20n] }] });
    // The volume is another dataset now, which took the place of the first.
    expect(await Btm.snapshotGroup(pair.btms, 30)).toMatchObject({ taken: true, last: 10n });
    expect((await a.list()).map(({ mark }) => mark?.height)).toEqual(["10", "30"]);
    expect(await b.rollback(20, { discardNewer: true })).toMatchObject({ destroyed: [{ height: 30n }] });
    await a.undo();
    expect(await heights(pair)).toEqual([
      [10n, 20n],
      [10n, 20n],
    ]);
    expect(await Btm.snapshotGroup(pair.btms, 30)).toMatchObject({ taken: true, last: 20n });
  });

  it("copied elsewhere, the snapshots are not btm's own, whichever mark is looked at", async () => {
    const pair = await freshPair();
    const [first] = pair.datasets;
    await Btm.snapshotGroup(pair.btms, 10);
    const copy = `${suite.pool.name}/copy`;
    const file = join(suite.pool.folder, "stream");
    writeFileSync(`${file}.sh`, `zfs send -p ${first.dataset}@10 > ${file} && zfs receive -u ${copy} < ${file}`);
    await quickRun("sh", [`${file}.sh`]);
    expect(await zfs("get", "-Hp", "-o", "value", "btm:mark", `${copy}@10`)).toContain('"height":"10"');
    expect(await new Btm({ volume: copy }).list()).toMatchObject([{ height: 10n, mark: undefined }]);
    const clone = `${suite.pool.name}/clone`;
    await zfs("clone", `${first.dataset}@10`, clone);
    await zfs("snapshot", `${clone}@10`);
    expect(await new Btm({ volume: clone }).list()).toMatchObject([{ height: 10n, mark: undefined }]);
  });
});

describe("when one cannot be taken none is", () => {
  it("as the name is taken by what is not ours", async () => {
    const pair = await freshPair();
    await pair.datasets[1].snapshotByHand(10);
    await failureOf(Btm.snapshotGroup(pair.btms, 10), "NAME_TAKEN");
    expect(await heights(pair)).toEqual([[], [10n]]);
  });

  it("as it is taken in the last moment", async () => {
    const taken: string[] = [];
    const pair = await freshPair({
      onStep: (step, when) => {
        if (`${when} ${step}` === "before snapshot") zfsNow("snapshot", ...taken);
      },
    });
    taken.push(`${pair.datasets[1].dataset}@10`);
    await failureOf(Btm.snapshotGroup(pair.btms, 10), "NAME_TAKEN");
    expect(await heights(pair)).toEqual([[], [10n]]);
  });

  it("as the quota of one has no room for it", async () => {
    const pair = await freshPair();
    const [, { dataset, path }] = pair.datasets;
    // A snapshot must leave room for its reservation, beside all that it then holds.
    writeFileSync(join(path, "big"), Buffer.alloc(8 << 20, Math.random().toString()));
    await zfs("set", "compression=off", dataset);
    writeFileSync(join(path, "bigger"), Buffer.alloc(8 << 20, Math.random().toString()));
    await quickRun("sync", []);
    await zfs("set", "quota=12M", dataset).catch(() => undefined);
    await zfs("set", "refreservation=10M", dataset);
    await zfs("set", "quota=20M", dataset);
    await zfs("set", "refreservation=18M", dataset);
    const { message } = await failureOf(Btm.snapshotGroup(pair.btms, 10), "NO_SPACE");
    expect(message).toContain(`"${dataset}@10"`);
    expect(await heights(pair)).toEqual([[], []]);
  });

  it("as one is locked, or missing, or has children", async () => {
    const pair = await freshPair();
    const [first, second] = pair.datasets;
    const impatient = pair.datasets.map(({ dataset: volume }) => new Btm({ volume, itv: 10, lockTimeoutMs: 100 }));
    const lock = DatasetLock.try(second.dataset);
    await failureOf(Btm.snapshotGroup(impatient, 10), "LOCKED");
    lock?.close();
    await failureOf(Btm.snapshotGroup(pairOf(first.dataset, `${suite.pool.name}/none`), 10), "VOLUME_MISSING");
    await second.nest();
    await failureOf(Btm.snapshotGroup(pair.btms, 10), "HAS_NESTED_VOLUMES");
    expect(await heights(pair)).toEqual([[], []]);
  });

  it("as they are of two pools, or one of them twice, or are not alike", async () => {
    const pair = await freshPair();
    const [{ dataset, path }] = pair.datasets;
    const other = await ZfsPool.make();
    try {
      const { dataset: apart } = await other.makeDataset("data", "data");
      const { message } = await failureOf(Btm.snapshotGroup(pairOf(dataset, apart), 10), "MODE_UNAVAILABLE");
      expect(message).toContain(`the pools "${suite.pool.name}", "${other.name}"`);
    } finally {
      await other.dispose();
    }
    await failureOf(Btm.snapshotGroup(pairOf(dataset, path), 10), "BAD_OPTION");
    await failureOf(Btm.snapshotGroup([pair.btms[0], new Btm({ volume: "a/b", itv: 11 })], 10), "BAD_OPTION");
    expect(await heights(pair)).toEqual([[], []]);
  });

  it("as the pool is suspended", { timeout: 300_000 }, async ({ onTestFinished }) => {
    const disk = await FailingPool.make();
    onTestFinished(() => disk.dispose());
    const { dataset: first } = await disk.pool.makeDataset("first", "first");
    const { dataset: second, mountPoint } = await disk.pool.makeDataset("second", "second");
    const onStep = (step: string, when: string): void => {
      if (`${when} ${step}` === "before snapshot" && isFailing) disk.fail();
    };
    let isFailing = false;
    const deps = { commandTimeoutMs: 5000, onStep };
    const impatient = [first, second].map((volume) => new Btm({ volume, itv: 10 }, deps));
    await Btm.snapshotGroup(impatient, 10);
    writeFileSync(join(mountPoint, "db"), Buffer.alloc(1 << 20, "live"));
    isFailing = true;
    await failureOf(Btm.snapshotGroup(impatient, 20), "TIMED_OUT");
    await failureOf(Btm.snapshotGroup(impatient, 20), "POOL_SUSPENDED");
    isFailing = false;
    await disk.mend();
    // What was given up in the middle may happen when the disk is back, and holds the locks until then.
    const btms = pairOf(first, second);
    await Btm.snapshotGroup(btms, 30);
    const [a, b] = await heights({ btms });
    expect(a).toEqual(b);
    expect(a).toContain(30n);
  });
});

describe("killed", () => {
  let operators: Operators;
  beforeAll(async () => {
    operators = new Operators([], await bundleFixture("operate", suite.pool.folder));
  });
  afterAll(() => operators.close());

  it("at every step: both are taken or none, and the next is", { timeout: 300_000 }, async () => {
    const pair = await freshPair({}, 2);
    const [{ dataset: volume }, { dataset: other }] = pair.datasets;
    for (const height of [0, 10]) await Btm.snapshotGroup(pair.btms, height);
    const steps = [
      "before snapshot",
      "after snapshot",
      ...Array.from({ length: 2 }, () => ["before destroy", "after destroy"]).flat(),
    ];
    for (const killAt of steps.keys()) {
      const height = 20 + killAt * 20;
      const operation = { kind: "group", height, others: [other] } as const;
      const outcome = await operators.run({ volume, cap: 2, operation, killAt });
      expect(outcome).toEqual({ wasKilled: true, recovered: [], steps: steps.slice(0, killAt + 1) });
      const seen = await heights(pair);
      const has = seen.map((all) => all.includes(BigInt(height)));
      expect(has, steps[killAt]).toEqual(killAt === 0 ? [false, false] : [true, true]);
      expect(await Btm.snapshotGroup(pair.btms, height + 10), steps[killAt]).toMatchObject({ taken: true });
      const [a, b] = await heights(pair);
      expect([a, a?.length], steps[killAt]).toEqual([b, 2]);
    }
  });

  it("the zfs command itself, at any moment: both are taken or none", { timeout: 300_000 }, async () => {
    const pair = await freshPair();
    const [{ dataset: volume }, { dataset: other }] = pair.datasets;
    const command = join(suite.pool.folder, "zfs-killed");
    const delay = `${command}.delay`;
    writeFileSync(
      command,
      `#!/bin/sh
if [ "$1" != snapshot ]; then exec zfs "$@"; fi
zfs "$@" & pid=$!
sleep "$(cat ${delay})"
kill -KILL $pid 2>/dev/null
wait $pid
`,
    );
    chmodSync(command, 0o755);
    const killed = pairOf(volume, other, { zfsCommand: command });
    for (let i = 1; i <= 24; i++) {
      writeFileSync(delay, String(i * 0.003));
      const height = BigInt(i * 10);
      await Btm.snapshotGroup(killed, height).catch(() => undefined);
      const has = (await heights(pair)).map((all) => all.includes(height));
      expect(has, String(i)).toEqual([has[0], has[0]]);
    }
  });
});
