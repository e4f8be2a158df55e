/** What is done for one group of volumes, on a real volume and with a node that does what it is told. */
import { beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";

import { togetherIn } from "../../src/daemon/config.ts";
import { parseConfig } from "../../src/daemon/config-file.ts";
import { Log } from "../../src/daemon/log.ts";
import { ServedGroup } from "../../src/daemon/served-group.ts";
import type { ServedVolume } from "../../src/daemon/served-volume.ts";
import { serveAlone } from "../../src/daemon/sole-daemon.ts";
import { parseHeight } from "../../src/height.ts";
import { Btm } from "../../src/index.ts";
import { BtrfsImage } from "../support/btrfs-image.ts";
import { type ChainState, chainState, hashOf, SCRIPTS } from "../support/scripted-chains.ts";
import { ScriptedNode } from "../support/scripted-node.ts";
import { factsAt } from "../support/verified-volume.ts";

let image: BtrfsImage;
let volumes = 0;
let btm: Btm;
let chain: ChainState;
let node: ScriptedNode;
let group: ServedGroup;
let volume: ServedVolume;

beforeAll(async () => {
  image = await BtrfsImage.make();
  return () => image.dispose();
});

function groupOf(keys: readonly string[], name = "node"): ServedGroup {
  const [together] = togetherIn(parseConfig([`[volumes.${name}]`, ...keys].join("\n"), "btm.toml"));
  if (together === undefined) throw new TypeError("The configuration has no volume");
  return new ServedGroup(together, new Log({ write: () => undefined, isJournal: false, now: () => new Date() }));
}

/** Serves a new volume whose node stands at 100, of which it has taken a snapshot. */
beforeEach(async () => {
  const path = await image.makeSubvolume(`node${String(volumes++)}`);
  btm = new Btm({ volume: path });
  chain = chainState();
  node = await ScriptedNode.start(SCRIPTS.evm(chain));
  const keys = [`volume = "${path}"`, `follow = "${node.url}"`, "push = false", "itv = 10"];
  const served = groupOf(keys);
  const [first] = served.volumes;
  if (first === undefined) throw new TypeError("The group has no volume");
  [group, volume] = [served, first];
  onTestFinished(async () => {
    await served.leave();
    await served.release();
  });
  await served.start();
  await expect.poll(heights).toEqual([100n]);
  await expect.poll(() => afterOf(100n)).toBeDefined();
});

const heights = async (): Promise<bigint[]> => (await btm.list()).map(({ height }) => height);
const afterOf = async (height: bigint): Promise<unknown> =>
  (await btm.list()).find((snapshot) => snapshot.height === height)?.record?.after;

describe("a height that was told by the node and asked for by somebody", () => {
  it("is taken as it was asked for, while one that was only told gives way to a newer one", async () => {
    chain.height = 115n;
    group.follow(parseHeight(110));
    await expect.poll(heights).toEqual([100n, 115n]);
    chain.height = 125n;
    group.follow(parseHeight(120));
    expect(await group.ask(parseHeight(120))).toMatchObject({ height: 120n });
    const snapshot = (await btm.list()).at(-1);
    expect(snapshot).toMatchObject({ height: 120n, mark: { node: { before: "125", hash: hashOf(120n, chain) } } });
  });
});

describe("where a node came back that was stopped for a snapshot", () => {
  const facts = factsAt(90, { quiesce: "stop" });
  const asksAfter = async (count: number): Promise<void> => {
    const before = node.asked.length;
    await expect.poll(() => node.asked.length - before).toBeGreaterThanOrEqual(count);
  };

  it("is waited for until it answers", async () => {
    await btm.snapshot(90, { node: facts, force: true });
    node.fault = { status: 503 };
    volume.learnAfter(parseHeight(90), facts);
    await asksAfter(3);
    expect(await afterOf(90n)).toBeUndefined();
    node.fault = undefined;
    await expect.poll(() => afterOf(90n)).toEqual({ height: "100", hash: hashOf(100n, chain) });
  });

  it("is not put down beside another snapshot that was taken at that height meanwhile", async () => {
    await btm.snapshot(90, { node: facts, force: true });
    node.fault = { status: 503 };
    volume.learnAfter(parseHeight(90), facts);
    await asksAfter(3);
    await btm.rollback(100);
    await btm.clean({ kept: 1 });
    await btm.snapshot(90, { node: { ...facts, hash: "0xother" }, force: true });
    const list = vi.spyOn(volume.btm, "list");
    node.fault = undefined;
    // It is looked at before anything is put down beside it.
    await expect.poll(() => list.mock.calls.length).toBeGreaterThan(0);
    await volume.leave();
    expect(await afterOf(90n)).toBeUndefined();
  });
});

it("asks whether blocks are still on the chain once a minute at most, and every other second after a chain went back", async () => {
  const looks = (): number => {
    return node.asked.filter(({ params }) => Array.isArray(params) && params[0] === "0x64").length;
  };
  const real = performance.now.bind(performance);
  let ahead = 0;
  const clock = vi.spyOn(performance, "now").mockImplementation(() => real() + ahead);
  onTestFinished(() => {
    clock.mockRestore();
  });
  /** Looks if it is time to, and comes back when it has. */
  const tick = async (aheadMs: number): Promise<number> => {
    ahead += aheadMs;
    const before = looks();
    volume.tick();
    await btm.list();
    await volume.node?.hashAt(parseHeight(99));
    await btm.list();
    return looks() - before;
  };
  expect(await tick(61_000)).toBe(1);
  expect(await tick(0)).toBe(0);
  expect(await tick(55_000)).toBe(0);
  expect(await tick(6000)).toBe(1);
  expect(await tick(3000)).toBe(0);
  chain.height = 99n;
  chain.fork = "b";
  await expect.poll(() => volume.node?.state).toMatchObject({ kind: "following", last: 99n });
  expect(await tick(2100)).toBe(1);
  expect(await tick(1500)).toBe(0);
  expect(await tick(600)).toBe(1);
  expect(volume.orphans).toEqual([]);
  chain.height = 100n;
  const orphans = async (): Promise<unknown> => {
    await tick(2100);
    return volume.orphans;
  };
  await expect.poll(orphans).toEqual([100n]);
});

describe("a volume that is served", () => {
  /** A group of one volume that is not served yet, and what would be refused while it is. */
  async function freshGroup(): Promise<{ group: ServedGroup; isFree: () => Promise<boolean> }> {
    const path = await image.makeSubvolume(`alone${String(volumes++)}`);
    const isFree = async (): Promise<boolean> => {
      const error = await serveAlone(path, "other").then(letGo, failureIn);
      return error === undefined;
    };
    return { group: groupOf([`volume = "${path}"`]), isFree };
  }
  const failureIn = (error: Error): string => error.message;
  const letGo = (release: () => void): undefined => {
    release();
  };

  it("is not served under another name as well, and by its next self before the old one has left", async () => {
    const path = await image.makeSubvolume(`alone${String(volumes++)}`);
    const [old, next] = [groupOf([`volume = "${path}"`]), groupOf([`volume = "${path}"`, "cap = 7"])];
    const twin = groupOf([`volume = "${path}"`, "cap = 1"], "twin");
    for (const one of [old, next, twin]) await one.start();
    expect([old.problem, next.problem]).toEqual([undefined, undefined]);
    expect(twin.problem).toContain('this daemon does under the name "node"');
    await expect(twin.ask(parseHeight(10))).rejects.toMatchObject({ code: "ALREADY_RUNNING" });
    for (const one of [old, next]) {
      await one.leave();
      await one.release();
    }
    await twin.start();
    expect(twin.problem).toBeUndefined();
    await twin.leave();
    await twin.release();
  });

  it("is free once it is left: also when it is left while it starts, and when it was claimed twice at once", async () => {
    const starting = await freshGroup();
    const start = starting.group.start();
    await starting.group.leave();
    await start;
    await starting.group.release();
    expect(await starting.isFree()).toBe(true);
    const twice = await freshGroup();
    await Promise.all(twice.group.volumes.flatMap((one) => [one.claim(), one.claim()]));
    expect(await twice.isFree()).toBe(false);
    await twice.group.leave();
    await twice.group.release();
    expect(await twice.isFree()).toBe(true);
  });
});
