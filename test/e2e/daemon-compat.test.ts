import { execFile } from "node:child_process";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, beforeEach, expect, it } from "vitest";

import { btm } from "../support/executable.ts";
import { DaemonWorld } from "../support/running-daemon.ts";

const run = promisify(execFile);
let world: DaemonWorld;

beforeAll(async () => {
  world = await DaemonWorld.make();
  return () => world.dispose();
});

beforeEach(() => world.fresh());

/** A client as the original's: sends each message, and prints what comes back within the time, or "-". */
const CLIENT = `
import os, socket, sys
user, seconds, bound = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
if user != 0:
    os.setgroups([]); os.setgid(int(sys.argv[4])); os.setuid(user)
for message in sys.argv[5:]:
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    if bound == 'abstract': s.bind('')
    elif bound != 'none': s.bind(bound)
    s.settimeout(seconds)
    s.sendto(message.encode('utf-8', 'surrogateescape'), '\\0b1ce842e9f6e96d36287c8cfece722d')
    if bound == 'gone': continue
    try: print(s.recv(128).decode())
    except TimeoutError: print('-')
`;

interface Client {
  readonly uid?: number;
  readonly gid?: number;
  readonly seconds?: number;
  readonly bound?: string;
}

async function send(messages: readonly string[], client: Client = {}): Promise<string[]> {
  const { uid = 0, gid = 65_534, seconds = 20, bound = "abstract" } = client;
  const args = ["-c", CLIENT, String(uid), String(seconds), bound, String(gid), ...messages];
  const { stdout } = await run("/usr/bin/python3", args, { cwd: "/" });
  return stdout.trim().split("\n");
}

it("answers as the original does, whatever had to be done", async () => {
  await using daemon = await world.start(["--compat-socket"]);
  const messages = ["0", "0", "1", "10", "18446744073709551615"].map((idx) => `{"idx":${idx}}`);
  expect(await send(messages)).toEqual(messages.map((message) => message.replace("}", ',"success":true}')));
  const { body } = await world.curl("/v1/volumes/blockchain/snapshots");
  const heights = (body["snapshots"] as { height: string }[]).map(({ height }) => height);
  expect(heights).toEqual(["0", "10", "18446744073709551615"]);
  expect(daemon.log).toMatch(/10 by datagram from pid \d+ uid 0 gid 0: due/);
});

it("says false when it failed", async () => {
  await using daemon = await world.start(["--compat-socket", "-p", `${world.volume}-missing`]);
  expect(await send(['{"idx":7}'])).toEqual(['{"idx":7,"success":false}']);
  expect(daemon.child.exitCode).toBeNull();
});

it("takes nothing for who is not root or in the group, and not by garbage", async () => {
  await using daemon = await world.start(["--compat-socket"]);
  expect(await send(['{"idx":10}'], { uid: 65_534, seconds: 1 })).toEqual(["-"]);
  const garbage = [
    "",
    "{",
    "null",
    '{"idx":-1}',
    '{"idx":1.5}',
    '{"idx":01}',
    '{"idx":"1"}',
    '{"idx":18446744073709551616}',
    '{"idx":99999999999999999999999}',
    '{"idx":1,"x":2}',
    `{"idx":1}${" ".repeat(120)}`,
    "x".repeat(60_000),
    "\udcff\udcfe",
  ];
  expect(await send(garbage, { seconds: 0.02 })).toEqual(garbage.map(() => "-"));
  // Nobody can be answered who has no abstract name, or one no more.
  expect(await send(['{"idx":10}'], { bound: "none", seconds: 0.2 })).toEqual(["-"]);
  expect(await send(['{"idx":10}'], { bound: join(world.folder, "client.sock"), seconds: 0.2 })).toEqual(["-"]);
  const before = await world.curl("/v1/volumes/blockchain/snapshots");
  expect(before.body["snapshots"]).toEqual([]);
  expect(await send(['{"idx":20}'])).toEqual(['{"idx":20,"success":true}']);
  const text = String((await world.curl("/metrics")).body["text"]);
  expect(text).toContain('btm_datagrams_total{result="refused"} 1\n');
  expect(text).toContain(`btm_datagrams_total{result="malformed"} ${String(garbage.length + 2)}\n`);
  expect(text).toContain('btm_datagrams_total{result="success"} 1\n');
  expect(daemon.child.exitCode).toBeNull();
});

it("lives on when a client does not wait for its answer", async () => {
  await using daemon = await world.start(["--compat-socket"]);
  const { stdout } = await run("/usr/bin/python3", [
    "-c",
    "import socket\nfor n in range(50):\n s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\n s.bind('')\n" +
      " s.sendto(b'{\"idx\":%d}'%(n*10),'\\0b1ce842e9f6e96d36287c8cfece722d')\n s.close()\nprint('sent')",
  ]);
  expect(stdout).toBe("sent\n");
  expect(await send(['{"idx":1000}'])).toEqual(['{"idx":1000,"success":true}']);
  expect(daemon.child.exitCode).toBeNull();
});

it("is off by default, on and off by SIGHUP, and free again at the end", async () => {
  const file = join(world.folder, "compat.toml");
  const write = (rest: string): Promise<void> =>
    writeFile(file, `socket = "${world.socket}"\n${rest}\n[volumes.node]\nvolume = "${world.volume}"\n`);
  await write("");
  const daemon = await world.startWith(["--config", file]);
  await expect(send(['{"idx":1}'])).rejects.toThrow("ConnectionRefusedError");
  await write("compat_socket = true");
  daemon.child.kill("SIGHUP");
  await daemon.says("Read the configuration again");
  expect(await send(['{"idx":10}'])).toEqual(['{"idx":10,"success":true}']);
  expect(await readdir(`/proc/${String(daemon.child.pid)}/fd`)).not.toEqual([]);
  await write("compat_socket = false");
  daemon.log = "";
  daemon.child.kill("SIGHUP");
  await daemon.says("Read the configuration again");
  await expect(send(['{"idx":20}'])).rejects.toThrow("ConnectionRefusedError");
  expect(await daemon.end()).toBe(0);
});

it("ends at SIGTERM, and is not the only one to have the name", async () => {
  const first = await world.start(["--compat-socket"]);
  const second = world.run(["-p", world.volume, "--socket", `${world.socket}.2`, "--compat-socket"]);
  await second.says("Cannot listen on the abstract socket");
  expect(await second.ended()).toBe(5);
  expect(await first.end()).toBe(0);
  const file = join(world.folder, "slow.toml");
  const slow = `compat_socket = true\n[volumes.node]\nvolume = "${world.volume}"\npre_snapshot = ["/bin/sleep", "20"]\n`;
  await writeFile(file, `socket = "${world.socket}"\n${slow}`);
  const third = await world.startWith(["--config", file]);
  const unanswered = send(['{"idx":10}'], { seconds: 0.1 });
  await expect.poll(async () => (await world.curl("/v1/status")).body["volumes"]).toMatchObject([{ current: "10" }]);
  expect(await unanswered).toEqual(["-"]);
  third.child.kill("SIGTERM");
  await third.says("Got SIGTERM");
  // While a worker thread still waits for datagrams.
  expect(await third.end("SIGTERM")).toBe(143);
});

it("refuses more than one volume, which its requests cannot name", async () => {
  const file = join(world.folder, "two.toml");
  await writeFile(file, `[volumes.a]\nvolume = "/a"\n[volumes.b]\nvolume = "/b"\n`);
  const { status, stderr } = await btm(["daemon", "--config", file, "--compat-socket"]);
  expect(status).toBe(2);
  expect(stderr).toContain("its requests name no volume");
});
