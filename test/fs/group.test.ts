import { mkdirSync, readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { parseConfig } from "../../src/daemon/config-file.ts";
import { Daemon } from "../../src/daemon/daemon.ts";
import { Log } from "../../src/daemon/log.ts";
import { Btm } from "../../src/index.ts";
import { listed } from "../contract/helpers.ts";
import { BtrfsImage } from "../support/btrfs-image.ts";
import { failureOf } from "../support/expect-code.ts";
import { Fixture } from "../support/fixture.ts";
import { KeepAliveClient } from "../support/keep-alive-client.ts";
import { Operators } from "../support/operators.ts";

let image: BtrfsImage;
let made = 0;
let first: string;
let second: string;
const undo: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  image = await BtrfsImage.make();
});
afterAll(() => image.dispose());
beforeEach(async () => {
  const number = String(made++);
  first = await image.makeSubvolume(`execution${number}`);
  second = await image.makeSubvolume(`consensus${number}`);
});
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

/** A daemon with both in the group node. */
async function serve(
  hooks: string,
  more: readonly string[] = [],
): Promise<{ client: KeepAliveClient; group: KeepAliveClient; log: string[] }> {
  const socket = join(image.folder, `${String(made)}.sock`);
  const text = `socket = "${socket}"
[volumes.execution]
volume = "${first}"
itv = 10
group = "node"
${more[0] ?? ""}
[volumes.consensus]
volume = "${second}"
itv = 10
group = "node"
${more[1] ?? ""}
[groups.node]
${hooks}`;
  const log: string[] = [];
  const daemon = new Daemon({
    load: () => Promise.resolve(parseConfig(text, "btm.toml")),
    log: new Log({ write: (line) => log.push(line), isJournal: false, now: () => new Date() }),
    env: {},
  });
  await daemon.start();
  const client = new KeepAliveClient(socket, "consensus");
  const group = new KeepAliveClient(socket, "node");
  undo.push(async () => {
    client.close();
    group.close();
    await daemon.stop();
  });
  return { client, group, log };
}

/** Waits until the process is stopped: a signal alone only asks for it. */
const STOP = 'kill -STOP "$1"; until grep -q "^State:.T" "/proc/$1/status"; do :; done';

/** What is written after the snapshot of the height is not looked at. */
function countAt(volume: string, height: number): number {
  return Number(readFileSync(join(`${volume}@${String(height)}`, "count"), "utf8"));
}

function pair(): [Btm, Btm] {
  return [new Btm({ volume: first, itv: 10, cap: 2 }), new Btm({ volume: second, itv: 10, cap: 2 })];
}

async function heights(): Promise<bigint[][]> {
  return [await listed(new Btm({ volume: first })), await listed(new Btm({ volume: second }))];
}

describe("with a hook that halts the writer", () => {
  it("both are of one moment, whichever is asked for", async () => {
    const writer = new Fixture("count-in-both", [join(first, "count"), join(second, "count")]);
    undo.push(() => writer.kill());
    expect(await writer.next()).toBe("writing");
    const pid = String(writer.child.pid);
    const { client, group } = await serve(
      `pre_snapshot = ["/bin/sh", "-c", '${STOP}', "hook", "${pid}"]\npost_snapshot = ["/bin/kill", "-CONT", "${pid}"]`,
    );
    const volumes = ["execution", "consensus"];
    for (let height = 10; height <= 200; height += 20) {
      expect(await client.take(height)).toMatchObject({
        status: 200,
        body: { volume: "consensus", volumes, taken: true },
      });
      expect(await group.take(height + 10)).toMatchObject({
        status: 200,
        body: { volume: "node", volumes, taken: true },
      });
    }
    expect(await client.take(201)).toMatchObject({ body: { taken: false, reason: "not-due", last: "200", volumes } });
    await new Btm({ volume: first }).snapshot(1000);
    await new Btm({ volume: second }).snapshot(1000);
    await writer.stop();
    const ahead = Array.from({ length: 20 }, (_, i) => countAt(first, i * 10 + 10) - countAt(second, i * 10 + 10));
    expect(ahead.filter((by) => by !== 0 && by !== 1)).toEqual([]);
    // That it would be seen.
    expect(countAt(first, 1000)).toBeLessThan(countAt(second, 1000));
    const { body } = await client.get("/v1/status");
    const both = { group: "node", problem: null, newest: "200", snapshots: 20 };
    expect(body["volumes"]).toMatchObject([
      { name: "execution", ...both },
      { name: "consensus", ...both },
    ]);
    const metrics = (await client.get("/metrics")).body["text"];
    for (const name of volumes) expect(metrics).toContain(`btm_answers_total{volume="${name}",reason="due"} 20`);
    expect((await client.get("/v1/volumes/node/snapshots")).status).toBe(404);
  });

  it("a hook that fails keeps both from being taken, and those that have run are ended", async () => {
    const said = join(image.folder, `said${String(made)}`);
    const { group } = await serve(
      `pre_snapshot = ["/bin/false"]\npost_snapshot = ["/bin/sh", "-c", 'echo "$BTM_GROUP $BTM_HEIGHT" > ${said}']`,
    );
    expect(await group.take(10)).toMatchObject({ status: 409, body: { code: "HOOK_FAILED" } });
    expect(readFileSync(said, "utf8")).toBe("node 10\n");
    expect(await heights()).toEqual([[], []]);
  });

  it("what is pinned in one is pinned in both", async () => {
    const { group } = await serve(`pre_snapshot = ["/bin/true"]`, ["pins = [13]"]);
    for (const height of [10, 13]) expect(await group.take(height)).toMatchObject({ body: { taken: true } });
    for (const volume of [first, second]) {
      expect((await new Btm({ volume }).list()).map(({ pinned }) => pinned)).toEqual([false, true]);
    }
  });

  it("when space is short both are thinned alike, to what either must keep, and none is taken", async () => {
    for (const height of [10, 20, 30, 40, 50, 60]) {
      await Btm.snapshotGroup([new Btm({ volume: first }), new Btm({ volume: second })], height, {
        writersHalted: true,
      });
    }
    const short = 'min_free = "99.999%"';
    const { group } = await serve(`pre_snapshot = ["/bin/true"]`, [`${short}\nmin_keep = 3`, `${short}\nmin_keep = 4`]);
    await expect.poll(heights, { timeout: 30_000 }).toEqual([
      [30n, 40n, 50n, 60n],
      [30n, 40n, 50n, 60n],
    ]);
    let height = 60;
    await expect.poll(async () => (await group.take((height += 10))).status, { timeout: 30_000 }).toBe(507);
    const areAlike = async (): Promise<boolean> => {
      const [a = [], b = []] = await heights();
      return a.length === 4 && a.join() === b.join();
    };
    await expect.poll(areAlike, { timeout: 30_000 }).toBe(true);
  });

  it("what one lacks is said", async () => {
    await new Btm({ volume: first }).snapshot(7);
    const { group, log } = await serve(`pre_snapshot = ["/bin/true"]`);
    expect(log.filter((line) => line.includes("lacks"))).toEqual([
      expect.stringContaining(
        `node: not all of its snapshots are of all of its volumes: ${second} lacks 1 that others have, the newest 7`,
      ),
    ]);
    expect(await group.take(8)).toMatchObject({ body: { taken: true, last: null } });
    expect(await heights()).toEqual([[7n, 8n], [8n]]);
  });
});

it("without one it is refused, and says why", async () => {
  const { client, group, log } = await serve("");
  const why =
    /^Cannot take ".*execution\d+", ".*consensus\d+" under one height: Btrfs has no step that snapshots several subvolumes/;
  const problem = expect.stringMatching(why) as unknown;
  expect(await client.get("/v1/health")).toMatchObject({
    status: 503,
    body: {
      ok: false,
      problems: [
        { name: "execution", problem },
        { name: "consensus", problem },
      ],
    },
  });
  expect(await group.take(10)).toMatchObject({
    status: 503,
    body: {
      code: "MODE_UNAVAILABLE",
      message: problem,
      hint: expect.stringMatching(/^Put what belongs together into one subvolume; or give the group a hook/) as unknown,
    },
  });
  expect(log.join("")).toContain("trying again");
  expect(await heights()).toEqual([[], []]);
});

describe("one after the other", () => {
  const options = { writersHalted: true };

  it("when one cannot be taken the other is taken back", async () => {
    mkdirSync(`${second}@10`);
    await failureOf(Btm.snapshotGroup(pair(), 10, options), "NAME_TAKEN");
    expect(await heights()).toEqual([[], []]);
    rmdirSync(`${second}@10`);
    expect(await Btm.snapshotGroup(pair(), 10, options)).toMatchObject({ taken: true });
    await image.makeSubvolume(`${second.slice(image.top.length + 1)}/nested`);
    await failureOf(Btm.snapshotGroup(pair(), 20, options), "HAS_NESTED_VOLUMES");
    expect(await heights()).toEqual([[10n], [10n]]);
  });

  it("killed at any step, the next is of both, and thinned alike", async () => {
    const operators = new Operators();
    undo.push(() => operators.close());
    for (const height of [0, 10]) await Btm.snapshotGroup(pair(), height, options);
    const outcomes = new Set<string>();
    for (let killAt = 0, height = 20; ; killAt++, height += 20) {
      const operation = { kind: "group", height, others: [second] } as const;
      const { wasKilled, steps } = await operators.run({ volume: first, cap: 2, operation, killAt });
      if (!wasKilled) break;
      outcomes.add((await heights()).map((all) => (all.includes(BigInt(height)) ? "+" : "-")).join(""));
      expect(await Btm.snapshotGroup(pair(), height + 10, options), steps.at(-1)).toMatchObject({ taken: true });
      const [a, b] = await heights();
      const { heights: common } = await Btm.groupHeights(pair(), options);
      expect(common.at(-1), steps.at(-1)).toEqual({ height: BigInt(height + 10), isOurs: true });
      expect([(a?.length ?? 0) <= 2, (b?.length ?? 0) <= 2], steps.at(-1)).toEqual([true, true]);
    }
    // Without one step for both there are moments when one has it: that counts for none, as the next has shown.
    expect([...outcomes].sort()).toEqual(["++", "+-", "--"]);
  });
});
