import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";

import { parseConfig } from "../../src/daemon/config-file.ts";
import { Daemon } from "../../src/daemon/daemon.ts";
import { Log } from "../../src/daemon/log.ts";
import { BtrfsImage } from "../support/btrfs-image.ts";
import { KeepAliveClient } from "../support/keep-alive-client.ts";

let image: BtrfsImage;
let volume: string;
let socket: string;
let client: KeepAliveClient;

beforeAll(async () => {
  image = await BtrfsImage.make();
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
async function holdLock(): Promise<() => Promise<void>> {
  const holder = spawn("flock", ["--exclusive", volume, "sh", "-c", "echo locked; exec cat"], {
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
