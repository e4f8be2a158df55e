import { readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, beforeEach, expect, it, onTestFinished } from "vitest";

import { parseConfig } from "../../src/daemon/config-file.ts";
import { Daemon } from "../../src/daemon/daemon.ts";
import { Log } from "../../src/daemon/log.ts";
import { Btm } from "../../src/index.ts";
import { BtrfsImage } from "../support/btrfs-image.ts";
import { KeepAliveClient } from "../support/keep-alive-client.ts";
import { type ChainState, chainState, hashOf, SCRIPTS } from "../support/scripted-chains.ts";
import { ScriptedNode } from "../support/scripted-node.ts";
import { factsAt, smallNode, snapshotAt, URL_INSIDE } from "../support/verified-volume.ts";

let image: BtrfsImage;
let volumes = 0;
let volume: string;
let chain: ChainState;
let node: ScriptedNode;

beforeAll(async () => {
  image = await BtrfsImage.make({ sizeMiB: 600 });
  return () => image.dispose();
});

beforeEach(async () => {
  volume = await image.makeSubvolume(`node${String(volumes++)}`);
  chain = chainState();
  node = await ScriptedNode.start(SCRIPTS.evm(chain));
});

interface Running {
  readonly daemon: Daemon;
  readonly client: KeepAliveClient;
  readonly log: readonly string[];
}

/** A daemon that follows the scripted node, and ends with the test. */
function follow(...keys: readonly string[]): Promise<Running> {
  return serve(`follow = "http://127.0.0.1:${String(node.port)}"`, `push = false`, ...keys);
}

async function serve(...keys: readonly string[]): Promise<Running> {
  const socket = join(image.folder, `${String(volumes++)}.sock`);
  const text = [`socket = "${socket}"`, `[volumes.node]`, `volume = "${volume}"`, ...keys].join("\n");
  const log: string[] = [];
  const daemon = new Daemon({
    load: () => Promise.resolve(parseConfig(text, "btm.toml")),
    log: new Log({ write: (line) => log.push(line), isJournal: true, now: () => new Date() }),
    env: {},
  });
  await daemon.start();
  const client = new KeepAliveClient(socket, "node");
  onTestFinished(async () => {
    client.close();
    await daemon.stop();
  });
  return { daemon, client, log };
}

const status = async ({ client }: Running): Promise<unknown> => {
  const { body } = await client.get("/v1/status");
  return (body["volumes"] as readonly unknown[])[0];
};

const heights = async (): Promise<bigint[]> => (await new Btm({ volume }).list()).map(({ height }) => height);

it("takes the heights that the node tells, and marks what it said", async () => {
  const running = await follow();
  await expect.poll(heights).toEqual([100n]);
  chain.height = 104n;
  await expect.poll(() => status(running)).toMatchObject({ node: { last: "104" } });
  chain.height = 112n;
  await expect.poll(heights).toEqual([100n, 112n]);
  const records = async (): Promise<unknown[]> => (await new Btm({ volume }).list()).map(({ record }) => record?.after);
  await expect.poll(records).toEqual([100n, 112n].map((at) => ({ height: String(at), hash: hashOf(at, chain) })));
  const marks = (await new Btm({ volume }).list()).map(({ mark }) => mark?.node);
  expect(marks).toEqual(
    [100n, 112n].map((at) => {
      return {
        family: "evm",
        chain: expect.any(String) as string,
        before: String(at),
        hash: hashOf(at, chain),
        quiesce: "none",
      };
    }),
  );
  expect(await status(running)).toMatchObject({
    node: { state: "following", family: "evm", head: "112", quiesce: "none", why: expect.any(String) as string },
    orphans: [],
  });
  const { body } = await running.client.get("/metrics");
  expect(body["text"]).toContain('btm_node_head{volume="node"} 112\nbtm_node_ok{volume="node"} 1'.split("\n")[0]);
  expect(running.log.join("")).toContain("family evm: ");
});

it("takes nothing while the node catches up, unless it is told to", async () => {
  chain.isSyncing = true;
  const running = await follow();
  await expect.poll(() => status(running)).toMatchObject({ node: { state: "syncing", head: "100" } });
  expect(await heights()).toEqual([]);
  chain.isSyncing = false;
  chain.height = 101n;
  await expect.poll(heights).toEqual([101n]);
  chain.isSyncing = true;
  await follow('while_syncing = "take"');
  chain.height = 120n;
  await expect.poll(heights).toEqual([101n, 120n]);
});

it("names snapshots by what is final, when that is asked for", async () => {
  await follow('finality = "finalized"');
  await expect.poll(heights).toEqual([80n]);
  const [snapshot] = await new Btm({ volume }).list();
  expect(snapshot?.mark?.node).toMatchObject({ before: "100", hash: hashOf(80n, chain) });
});

it("tells of snapshots whose block is no longer on the chain, and goes on from where the chain is", async () => {
  const running = await follow("itv = 1");
  await expect.poll(heights).toEqual([100n]);
  chain.height = 101n;
  await expect.poll(heights).toEqual([100n, 101n]);
  // Ten blocks are reorganised away, and one is there of the new branch.
  chain.height = 92n;
  chain.fork = "b";
  await expect.poll(heights).toEqual([92n, 100n, 101n]);
  chain.height = 103n;
  await expect.poll(heights).toEqual([92n, 100n, 101n, 103n]);
  expect(running.log.join("")).toContain("The chain went back from 101 to 92");
  await expect.poll(() => status(running)).toMatchObject({ orphans: ["100", "101"] });
  expect(running.log.join("")).toContain("the snapshot at 101 is of another branch");
});

it("names a snapshot by the newest height, when the chain went on since it was told of one", async () => {
  const script = SCRIPTS.evm(chain);
  // Each question finds one block more.
  const asked = Object.fromEntries(
    Object.entries(script.rpc ?? {}).map(([name, answer]) => {
      return [
        name,
        (params: unknown) => (name === "eth_getBlockByNumber" ? (chain.height++, answer(params)) : answer(params)),
      ];
    }),
  );
  node.script = { ...script, rpc: asked };
  await follow();
  await expect.poll(async () => (await heights()).length).toBe(1);
  const [snapshot] = await new Btm({ volume }).list();
  expect(snapshot?.height).toBe(BigInt(snapshot?.mark?.node?.before ?? 0));
});

/** The height is told as it is, and then, when the node is asked before the snapshot, as that. */
function tellSecond(height: bigint): void {
  const script = SCRIPTS.evm(chain);
  let asked = 0;
  const rpc = { ...script.rpc };
  const answer = rpc["eth_getBlockByNumber"];
  rpc["eth_getBlockByNumber"] = (params) => {
    if (++asked === 2) chain.height = height;
    return answer?.(params);
  };
  node.script = { ...script, rpc };
}

it("pins what the configuration pins, also when it is taken in place of the height before", async () => {
  tellSecond(101n);
  await follow("pins = [101]");
  const list = async (): Promise<unknown[]> =>
    (await new Btm({ volume }).list()).map(({ height, pinned }) => [height, pinned]);
  await expect.poll(list).toEqual([[101n, true]]);
});

it("says which pins a chain has passed that goes on by many blocks at once", async () => {
  const running = await follow("itv = 10", "pins = [105, 120]");
  await expect.poll(heights).toEqual([100n]);
  chain.height = 110n;
  await expect.poll(heights).toEqual([100n, 110n]);
  expect(running.log.filter((line) => line.includes("has passed the pin"))).toEqual([
    expect.stringContaining("the chain has passed the pin 105: no snapshot"),
  ]);
});

it("names no snapshot by one answer out of all proportion", async () => {
  tellSecond(1_000_000_000_000n);
  const running = await follow();
  await expect.poll(heights).toEqual([100n]);
  expect(running.log.join("")).toContain("says height 1000000000000, and the last one that was believed is 100");
});

it("does not believe a node that is on another chain than the snapshots are", async () => {
  const first = await follow();
  await expect.poll(heights).toEqual([100n]);
  await first.daemon.stop();
  chain.chain = "two";
  chain.height = 200n;
  const running = await follow();
  await expect.poll(() => status(running)).toMatchObject({ node: { state: "wrong-chain" } });
  expect(await heights()).toEqual([100n]);
  chain.chain = "one";
  await expect.poll(heights).toEqual([100n, 200n]);
});

it("goes on when the node is down at the start, and when it comes back", async () => {
  const { port } = node;
  await node.stop();
  const running = await follow();
  await expect.poll(() => status(running)).toMatchObject({ node: { state: "unreachable" } });
  node = await ScriptedNode.start(SCRIPTS.evm(chain), port);
  await expect.poll(heights, { timeout: 40_000 }).toEqual([100n]);
});

it("verifies the newest snapshot when that is due, by itself", async () => {
  const btm = new Btm({ volume });
  writeFileSync(join(volume, "genesis"), "of this chain");
  await btm.snapshot(7);
  // Without an address the command itself is the check.
  const running = await serve('verify = "weekly"', 'verify_command = ["/usr/bin/test", "-s", "{path}/genesis"]');
  await expect.poll(async () => (await btm.list())[0]?.record?.verified?.outcome).toBe("passed");
  await expect
    .poll(() => status(running))
    .toMatchObject({ verified: { running: false, height: "7", outcome: "passed", stands: null } });
  expect((await running.client.get("/metrics")).body["text"]).toContain('btm_verified_ok{volume="node"} 1');
  expect(running.log.join("")).toContain("the snapshot at 7 is good to start from");
  expect(await btm.clones()).toEqual([]);
});

it("raises the alarm when no node starts from the newest snapshot", async () => {
  await new Btm({ volume }).snapshot(7);
  const running = await serve('verify = "daily"', 'verify_command = ["/usr/bin/test", "-s", "{path}/genesis"]');
  await expect.poll(() => status(running)).toMatchObject({ verified: { height: "7", outcome: "failed" } });
  expect(running.log.join("")).toMatch(/ALARM: the snapshot at 7: btm: The snapshot 7 of .* is no good/);
});

it("reads a cookie in the copy, relative or as the live node has it, and through no link", async () => {
  const btm = new Btm({ volume });
  writeFileSync(join(volume, ".cookie"), "name:pass");
  symlinkSync("/etc/passwd", join(volume, "link"));
  await snapshotAt(volume, volume, 10, factsAt(10));
  const outcomeWith = async (cookieFile: string, timeoutMs = 20_000): Promise<{ outcome: string; why?: string }> => {
    const follow = { url: URL_INSIDE, cookieFile };
    return (await btm.verify(10, { command: smallNode(), follow, timeoutMs })).verified;
  };
  expect((await outcomeWith(".cookie")).outcome).toBe("exact");
  expect((await outcomeWith(join(volume, ".cookie"))).outcome).toBe("exact");
  const { outcome, why } = await outcomeWith("link", 3000);
  expect([outcome, why]).toEqual(["failed", expect.stringContaining('"link" is a link, in a folder that others')]);
});

it("ends while a verification runs, which ends with it", async () => {
  await new Btm({ volume }).snapshot(1);
  const marker = `33.${String(process.pid)}`;
  const isThere = (): boolean => commandLines().some((line) => line.includes(marker));
  const running = await serve('verify = "weekly"', `verify_command = ["/bin/sh", "-c", "sleep ${marker}; true"]`);
  await expect.poll(isThere, { timeout: 30_000 }).toBe(true);
  expect(await status(running)).toMatchObject({ verified: { running: true } });
  const start = performance.now();
  await running.daemon.stop();
  expect(performance.now() - start).toBeLessThan(15_000);
  await expect.poll(isThere).toBe(false);
  expect(running.log.join("\n")).not.toContain("ALARM");
  // It has taken its copy back.
  expect(await new Btm({ volume }).clones()).toEqual([]);
});

function commandLines(): string[] {
  return readdirSync("/proc").flatMap((pid) => {
    try {
      return [readFileSync(`/proc/${pid}/cmdline`, "utf8")];
    } catch {
      return [];
    }
  });
}
