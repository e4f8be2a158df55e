import { once } from "node:events";
import { symlink, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";

import { Btm } from "../../src/index.ts";
import { DatagramSocket } from "../../src/sys/datagram.ts";
import { btm } from "../support/executable.ts";
import { run } from "../support/run.ts";
import { DaemonWorld, type Got } from "../support/running-daemon.ts";

let world: DaemonWorld;
let folder: string;
let volume: string;
let executable: string;
let socket: string;
let count = 0;

beforeAll(async () => {
  world = await DaemonWorld.make();
  ({ folder, volume, executable } = world);
  return () => world.dispose();
});

beforeEach(async () => {
  await world.fresh();
  ({ socket } = world);
  count++;
});

const start: DaemonWorld["start"] = (args, env) => world.start(args, env);
const curl: DaemonWorld["curl"] = (path, ...rest) => world.curl(path, ...rest);

const take = (height: string | number): Promise<Got> =>
  curl("/v1/volumes/blockchain/snapshots", "-d", `{"height":${String(height)}}`);

/** Sends bytes as they are, and gives what comes until the daemon hangs up. */
async function raw(bytes: string | Buffer): Promise<string> {
  const connection = connect(socket);
  let answer = "";
  connection.setEncoding("utf8").on("data", (chunk: string) => {
    answer += chunk;
  });
  connection.on("error", () => undefined);
  connection.write(bytes);
  await once(connection, "close");
  return answer;
}

describe("two daemons on one volume", () => {
  it("are one that serves it, and one that says so until the first has ended, in whatever way", async () => {
    await using first = await start();
    expect(await take(0)).toMatchObject({ body: { taken: true } });
    const other = join(folder, "other.sock");
    // By another name of the same.
    const config = join(folder, "other.toml");
    const link = join(folder, "link");
    await symlink(volume, link);
    await writeFile(config, `socket = "${other}"\n[volumes.same]\nvolume = "${link}"\nitv = 10\ncap = 1\n`);
    await using second = await world.startWith(["--config", config]);
    const says = `another daemon does, process ${String(first.child.pid)}`;
    await second.says(says);
    const asked = ["-s", "--unix-socket", other, "http://btm/v1/volumes/same/snapshots", "-d", '{"height":10}'];
    const refused = await run("curl", ["-w", "%{http_code}", ...asked]);
    expect(refused).toMatch(/"code":"ALREADY_RUNNING".*409$/s);
    const health = await run("curl", ["-s", "--unix-socket", other, "http://btm/v1/health"]);
    expect(health).toContain(says);
    // Its cap of one has thinned nothing.
    expect(await take(10)).toMatchObject({ body: { taken: true } });
    expect((await new Btm({ volume }).list()).map(({ height }) => height)).toEqual([0n, 10n]);
    await first.end("SIGKILL");
    expect(await run("curl", [...asked.slice(0, -1), '{"height":20}'])).toContain('"taken":true');
  });
});

describe("the socket", () => {
  it("takes what is due, once, and tells the rest", async () => {
    await using daemon = await start();
    expect(await take(0)).toMatchObject({ status: 200, body: { volume: "blockchain", taken: true, reason: "due" } });
    expect(await take(0)).toMatchObject({ status: 200, body: { taken: false, reason: "exists" } });
    expect(await take(1)).toMatchObject({ status: 200, body: { taken: false, reason: "not-due", last: "0" } });
    expect(await take('"10"')).toMatchObject({ status: 200, body: { taken: true, height: "10" } });
    expect(await take("18446744073709551615")).toMatchObject({ body: { taken: true, height: "18446744073709551615" } });
    const list = await curl(`/v1/volumes/${encodeURIComponent(volume)}/snapshots`);
    expect((list.body["snapshots"] as { height: string }[]).map(({ height }) => height)).toEqual([
      "0",
      "10",
      "18446744073709551615",
    ]);
    expect(await curl("/v1/health")).toMatchObject({ status: 200, body: { ok: true } });
    expect(await curl("/v1/status")).toMatchObject({ body: { volumes: [{ name: "blockchain", snapshots: 3 }] } });
    expect(await curl("/v1/volumes")).toMatchObject({ body: { volumes: [{ itv: "10", cap: 100, algo: "fade" }] } });
    expect((await curl("/metrics")).body["text"]).toContain('btm_answers_total{volume="blockchain",reason="due"} 3');
    expect(daemon.log).toMatch(/POST \/v1\/volumes\/blockchain\/snapshots from pid \d+ uid 0 gid 0: 200, due/);
    expect(daemon.log).toMatch(/^\S+ info: blockchain: took 1\d* in \d+ ms$/m);
    expect(daemon.log).toMatch(/POST \/v1\/volumes\/blockchain\/snapshots from pid \d+ uid 0 gid 0: 200, exists/);
    expect(daemon.log).toMatch(/GET \/v1\/volumes from pid \d+ uid 0 gid 0: 200$/m);
    // What comes with each block, or from machines, is counted.
    expect(daemon.log).not.toMatch(/not-due|health|metrics/);
    expect((await curl("/metrics")).body["text"]).toContain('reason="not-due"} 1\n');
  });

  it.each([
    ['{"height":-1}', 400, "BAD_HEIGHT"],
    ['{"height":1.5}', 400, "BAD_HEIGHT"],
    ['{"height":18446744073709551616}', 400, "BAD_HEIGHT"],
    ['{"height":"01"}', 400, "BAD_HEIGHT"],
    ['{"height":null}', 400, "BAD_HEIGHT"],
    ["{}", 400, "BAD_HEIGHT"],
    ["[]", 400, "BAD_USAGE"],
    ["null", 400, "BAD_USAGE"],
    ["{", 400, "BAD_USAGE"],
    ["", 400, "BAD_USAGE"],
    ['{"height":1,"force":true}', 400, "BAD_OPTION"],
  ])("refuses the body %j", async (body, status, code) => {
    await using daemon = await start();
    expect(await curl("/v1/volumes/blockchain/snapshots", "-d", body)).toMatchObject({ status, body: { code } });
    expect((await curl("/v1/volumes/blockchain/snapshots")).body["snapshots"]).toEqual([]);
    expect(daemon.child.exitCode).toBeNull();
  });

  it("refuses what it does not have, and offers nothing that destroys", async () => {
    await using daemon = await start();
    expect(await curl("/v1/volumes/other/snapshots", "-d", '{"height":1}')).toMatchObject({
      status: 404,
      body: { code: "VOLUME_MISSING" },
    });
    expect(await curl("/v1/volumes/%zz/snapshots")).toMatchObject({ status: 400 });
    expect(await curl("/v1/volumes/__proto__/snapshots")).toMatchObject({ status: 404 });
    expect(await curl("/toString")).toMatchObject({ status: 404 });
    expect(await curl("/v1/volumes/blockchain/rollback", "-d", "{}")).toMatchObject({ status: 404 });
    expect(await curl("/v1/volumes/blockchain/snapshots", "-X", "DELETE")).toMatchObject({ status: 405 });
    expect(await curl("/v1/status", "-X", "POST")).toMatchObject({ status: 405 });
    expect(daemon.child.exitCode).toBeNull();
  });

  it("cuts off garbage, what is oversized and what is slow, and goes on", async () => {
    await using daemon = await start();
    const slow = raw("POST /v1/volumes/blockchain/snapshots HTTP/1.1\r\nHost: btm\r\n");
    const half = raw('POST /v1/volumes/blockchain/snapshots HTTP/1.1\r\nHost: btm\r\nContent-Length: 14\r\n\r\n{"hei');
    const idle = raw("");
    expect(await raw("garbage\r\n\r\n")).toMatch(/^$|^HTTP\/1\.1 400/);
    expect(await raw(Buffer.alloc(100_000, 0xff))).toMatch(/^$|^HTTP\/1\.1 4/);
    expect(await raw(`GET / HTTP/1.1\r\nHost: btm\r\nX: ${"x".repeat(20_000)}\r\n\r\n`)).toMatch(/^$|^HTTP\/1\.1 4/);
    const big = await curl("/v1/volumes/blockchain/snapshots", "-d", "x".repeat(65_537));
    expect(big).toMatchObject({ status: 413, body: { code: "BAD_USAGE" } });
    // One that vanishes.
    const gone = connect(socket);
    gone.write(
      'POST /v1/volumes/blockchain/snapshots HTTP/1.1\r\nHost: btm\r\nContent-Length: 14\r\n\r\n{"height":10}\n',
    );
    await once(gone, "connect");
    gone.destroy();
    expect(await take(20)).toMatchObject({ body: { taken: true } });
    const begin = performance.now();
    await Promise.all([slow, half, idle]);
    expect(performance.now() - begin).toBeLessThan(20_000);
    expect(daemon.child.exitCode).toBeNull();
  });

  it("answers 200 clients at once, each height taken once at the most", async () => {
    await using daemon = await start();
    const library = new Btm({ mode: "external", volume: "blockchain", socket });
    const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => library.snapshot(i % 50)));
    expect(answers).toHaveLength(200);
    const taken = answers.filter((answer) => answer.taken).map(({ height }) => height);
    expect(new Set(taken).size).toBe(taken.length);
    const listed = (await library.list()).map(({ height }) => height);
    expect(listed).toEqual([...taken].sort((a, b) => (a < b ? -1 : 1)));
    expect(daemon.child.exitCode).toBeNull();
  });
});

describe("mode external", () => {
  it("takes and lists by library and command line, and refuses the rest", async () => {
    await using daemon = await start();
    const library = new Btm({ mode: "external", volume, socket });
    expect(await library.snapshot(10)).toMatchObject({ taken: true, height: 10n, last: undefined });
    expect((await library.list())[0]).toMatchObject({ height: 10n, mark: { height: "10" }, pinned: false });
    await expect(library.rollback(10)).rejects.toMatchObject({ code: "MODE_UNAVAILABLE" });
    await expect(library.clean({ kept: 0 })).rejects.toMatchObject({ code: "MODE_UNAVAILABLE" });
    await expect(library.snapshot(20, { force: true })).rejects.toMatchObject({ code: "BAD_OPTION" });
    const external = ["-m", "external", "--socket", socket, "-p", "blockchain"];
    const { status, stdout } = await btm(["snapshot", "-s", "20", ...external]);
    expect([status, stdout]).toEqual([0, "Took the snapshot of blockchain at 20\n"]);
    expect((await btm(["list", ...external])).stdout).toMatch(/^HEIGHT .*\n +10 .*\n +20 .*\n$/);
    expect((await btm(["clean", "-m", "external", "-p", "blockchain"])).status).toBe(3);
    expect(daemon.child.exitCode).toBeNull();
  });

  it("says when no daemon is there, and when the user may not", async () => {
    const nobody = await btm(["snapshot", "-s", "1", "-m", "external", "--socket", socket, "-p", "blockchain"]);
    expect(nobody).toMatchObject({ status: 3, stderr: expect.stringContaining("is not there") as unknown });
    await using daemon = await start();
    const args = ["snapshot", "-s", "1", "-m", "external", "--socket", socket, "-p", "blockchain"];
    const { status, stderr } = await btm(args, { uid: 65_534, executable });
    expect(status).toBe(7);
    expect(stderr).toContain("usermod -aG btm USER");
    expect(daemon.child.exitCode).toBeNull();
  });
});

describe("the process", () => {
  it("ends gently at SIGTERM, and a stale socket is no obstacle, a live one is", async () => {
    const first = await start();
    const second = world.run(["-p", volume, "--socket", socket]);
    await second.says("a daemon listens there already");
    expect(await second.end()).toBe(5);
    await take(0);
    expect(await first.end("SIGTERM")).toBe(0);
    expect(first.log).toContain("Stopped");
    const third = await start();
    await third.end("SIGKILL");
    await using fourth = await start();
    expect(await take(1)).toMatchObject({ body: { reason: "not-due" } });
    expect(fourth.child.exitCode).toBeNull();
  });

  it("finishes at SIGTERM what is under way, and at the second ends at once", async () => {
    const file = join(folder, `${String(count)}.toml`);
    const go = join(folder, `${String(count)}.go`);
    const hook = `pre_snapshot = ["/bin/sh", "-c", "until test -e ${go}; do sleep 0.02; done"]`;
    await writeFile(file, `socket = "${socket}"\n[volumes.blockchain]\nvolume = "${volume}"\n${hook}\n`);
    const gentle = world.run(["--config", file]);
    await gentle.says("listens on");
    const answer = take(10);
    await expect.poll(async () => (await curl("/v1/status")).body["volumes"]).toMatchObject([{ current: "10" }]);
    gentle.child.kill("SIGTERM");
    await gentle.says("Got SIGTERM");
    await writeFile(go, "");
    expect(await answer).toMatchObject({ status: 200, body: { taken: true } });
    expect(await gentle.ended()).toBe(0);
    await writeFile(
      file,
      `socket = "${socket}"\n[volumes.blockchain]\nvolume = "${volume}"\npre_snapshot = ["/bin/sleep", "20"]\n`,
    );
    const rough = world.run(["--config", file]);
    await rough.says("listens on");
    const cutOff = take(20).catch(() => "cut off");
    await expect.poll(async () => (await curl("/v1/status")).body["volumes"]).toMatchObject([{ current: "20" }]);
    rough.child.kill("SIGTERM");
    await rough.says("Got SIGTERM");
    expect(await rough.end("SIGTERM")).toBe(143);
    expect(await cutOff).toBe("cut off");
  });

  it("reads its configuration again at SIGHUP, and keeps the old one when the new is no good", async () => {
    const file = join(folder, `${String(count)}.toml`);
    const write = (rest: string): Promise<void> =>
      writeFile(file, `socket = "${socket}"\n[volumes.node]\nvolume = "${volume}"\n${rest}\n`);
    await write("itv = 10");
    await using daemon = world.run(["--config", file]);
    await daemon.says("listens on");
    expect(await curl("/v1/volumes")).toMatchObject({ body: { volumes: [{ name: "node", itv: "10" }] } });
    await write("itvv = 5");
    daemon.child.kill("SIGHUP");
    await daemon.says("The configuration stays as it was");
    expect(daemon.log).toContain(`${file}:4: Unknown key "itvv"`);
    await write("itv = 5");
    daemon.child.kill("SIGHUP");
    await daemon.says("Read the configuration again");
    expect(await curl("/v1/volumes")).toMatchObject({ body: { volumes: [{ name: "node", itv: "5" }] } });
  });

  it("finishes at its end what a volume has under way that is configured no more, and tells the watchdog meanwhile", async () => {
    const name = `btm-test-notify-${String(process.pid)}`;
    const notified = new DatagramSocket(name, 4096);
    const until = async (what: string): Promise<void> => {
      let text: string | undefined;
      do text = (await notified.receive())?.bytes.toString();
      while (text !== undefined && !text.includes(what));
    };
    const file = join(folder, `${String(count)}.toml`);
    const go = join(folder, `${String(count)}.go`);
    const front = `socket = "${socket}"\n[volumes.`;
    const hook = `pre_snapshot = ["/bin/sh", "-c", "until test -e ${go}; do sleep 0.02; done"]`;
    await writeFile(file, `${front}old]\nvolume = "${volume}"\n${hook}\n`);
    const env = { NOTIFY_SOCKET: `@${name}`, WATCHDOG_USEC: "400000" };
    try {
      const daemon = await world.startWith(["--config", file], env);
      await until("READY=1");
      // It does not wait for the answer.
      await curl("/v1/volumes/old/snapshots", "-m", "0.1", "-d", '{"height":10}').catch(() => undefined);
      expect((await curl("/v1/status")).body["volumes"]).toMatchObject([{ current: "10" }]);
      await writeFile(file, `${front}new]\nvolume = "${volume}"\n`);
      daemon.child.kill("SIGHUP");
      await daemon.says("Read the configuration again");
      daemon.child.kill("SIGTERM");
      await until("STOPPING=1");
      for (let i = 0; i < 3; i++) await until("WATCHDOG=1");
      expect(daemon.child.exitCode).toBeNull();
      await writeFile(go, "");
      expect(await daemon.ended()).toBe(0);
    } finally {
      await notified.close();
    }
    expect((await btm(["list", "-p", volume])).stdout).toMatch(/^ +10 /m);
  });

  it("serves what is not there as ill, and says so", async () => {
    await using daemon = world.run(["-p", `${volume}-missing`, "--socket", socket]);
    await daemon.says("listens on");
    expect(await curl("/v1/health")).toMatchObject({ status: 503, body: { ok: false } });
    expect(await curl("/v1/volumes/blockchain-missing/snapshots", "-d", '{"height":1}')).toMatchObject({
      status: 503,
      body: { code: "VOLUME_MISSING" },
    });
    expect(daemon.child.exitCode).toBeNull();
  });

  it("stops taking when space is short, with an alarm", async () => {
    const file = join(folder, `${String(count)}.toml`);
    await writeFile(
      file,
      `socket = "${socket}"\n[volumes.node]\nvolume = "${volume}"\nmin_free = "99%"\nmin_keep = 1\n`,
    );
    for (const height of [0, 10, 20]) await btm(["snapshot", "-p", volume, "-s", String(height)]);
    await using daemon = world.run(["--config", file], { JOURNAL_STREAM: "8:1" });
    await daemon.says("ALARM");
    expect(daemon.log).toMatch(/^<3>node: ALARM: no snapshots are taken any more/m);
    expect(await curl("/v1/volumes/node/snapshots", "-d", '{"height":30}')).toMatchObject({
      status: 507,
      body: { code: "NO_SPACE" },
    });
    const { body } = await curl("/v1/volumes/node/snapshots");
    expect((body["snapshots"] as unknown[]).length).toBe(1);
  });
});
