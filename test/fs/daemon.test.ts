import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";

import { parseConfig } from "../../src/daemon/config-file.ts";
import { Daemon } from "../../src/daemon/daemon.ts";
import { Log } from "../../src/daemon/log.ts";
import { Btm } from "../../src/index.ts";
import { BtrfsImage } from "../support/btrfs-image.ts";
import { KeepAliveClient } from "../support/keep-alive-client.ts";

let image: BtrfsImage;
let volume: string;
let socket: string;
let client: KeepAliveClient;

beforeAll(async () => {
  image = await BtrfsImage.make({ sizeMiB: 600 });
  volume = await image.makeSubvolume("node");
  socket = join(image.folder, "btm.sock");
  const text = `socket = "${socket}"\n[volumes.node]\nvolume = "${volume}"\n`;
  const daemon = new Daemon({
    load: () => Promise.resolve(parseConfig(text, "btm.toml")),
    log: new Log({ write: () => undefined, isJournal: false, now: () => new Date() }),
    env: {},
    deadlineMs: 100,
  });
  await daemon.start();
  client = new KeepAliveClient(socket, "node");
  return async () => {
    client.close();
    await daemon.stop();
    await image.dispose();
  };
});

/** Another one that works on the volume, until it is told to end. */
async function holdLock(of = volume): Promise<() => Promise<void>> {
  const holder = spawn("flock", ["--exclusive", of, "sh", "-c", "echo locked; exec cat"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  await once(holder.stdout, "data");
  return async () => {
    const ended = once(holder, "exit");
    holder.stdin.end();
    await ended;
  };
}

const current = async (): Promise<unknown> => {
  const { body } = await client.get("/v1/status");
  return (body["volumes"] as readonly { readonly current: string | null }[])[0]?.current;
};

it("answers at the deadline, and goes on with the work", async () => {
  const release = await holdLock();
  expect(await client.take(10)).toMatchObject({ status: 202, body: { taken: false, reason: "pending", height: "10" } });
  // Others are answered meanwhile, from memory or at their deadline.
  expect(await client.take(11)).toMatchObject({ status: 200, body: { reason: "not-due", last: "10" } });
  expect(await client.take(10)).toMatchObject({ status: 202 });
  expect(await client.get("/v1/health")).toMatchObject({ status: 200 });
  await release();
  await expect.poll(() => client.heights()).toEqual([10]);
  await expect.poll(current).toBeNull();
  expect(await client.take(10)).toMatchObject({ status: 200, body: { taken: false, reason: "exists" } });
});

it("takes what a client asked for that is gone, and nothing that was not asked to the end", async () => {
  const release = await holdLock();
  const head = "POST /v1/volumes/node/snapshots HTTP/1.1\r\nHost: btm\r\nContent-Length: 13\r\n\r\n";
  const half = connect(socket);
  half.write(`${head}{"height":3`);
  const whole = connect(socket);
  whole.write(`${head}{"height":20}`);
  await expect.poll(current).toBe("20");
  half.destroy();
  whole.destroy();
  await expect.poll(async () => (await client.get("/v1/status")).body["connections"]).toBe(1);
  await release();
  await expect.poll(() => client.heights()).toEqual([10, 20]);
});

it("looks after each volume by a clock of its own: one that is held up holds up no other", async () => {
  const held = await image.makeSubvolume("held");
  const btm = new Btm({ volume: held });
  for (const height of [1, 2, 3, 4, 5]) await btm.snapshot(height, { force: true });
  const late = join(image.top, "late");
  const own = join(image.folder, "two.sock");
  const volumes = `[volumes.held]\nvolume = "${held}"\nmin_free = "50%"\n[volumes.late]\nvolume = "${late}"\n`;
  const config = parseConfig(`socket = "${own}"\n${volumes}`, "btm.toml");
  // It waits as long as the lock is held.
  const patient = config.volumes.map((one) => ({ ...one, cfg: { ...one.cfg, lockTimeoutMs: 600_000 } }));
  const daemon = new Daemon({
    load: () => Promise.resolve({ ...config, volumes: patient }),
    log: new Log({ write: () => undefined, isJournal: false, now: () => new Date() }),
    env: {},
  });
  await daemon.start();
  const two = new KeepAliveClient(own, "late");
  const problems = async (): Promise<unknown> => {
    const { body } = await two.get("/v1/status");
    const all = body["volumes"] as readonly { readonly name: string; readonly problem: string | null }[];
    return all.map(({ name, problem }) => `${name} ${problem === null ? "is served" : "is not"}`);
  };
  const release = await holdLock(held);
  try {
    expect(await problems()).toEqual(["held is served", "late is not"]);
    writeFileSync(join(image.top, "much"), randomBytes(350 * 1024 * 1024), { flush: true });
    const free = async (): Promise<unknown> => {
      const { body } = await two.get("/v1/status");
      return (body["volumes"] as readonly Readonly<Record<string, unknown>>[])[0];
    };
    await expect.poll(free).toMatchObject({ freeBytes: expect.stringMatching(/^[12]?\d{8}$/) as string });
    await image.makeSubvolume("late");
    await expect.poll(problems).toEqual(["held is served", "late is served"]);
    expect(await btm.list()).toHaveLength(5);
  } finally {
    await release();
    two.close();
    await daemon.stop();
  }
  expect(await btm.list()).toHaveLength(3);
});
