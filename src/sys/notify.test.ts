import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, connect } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, expect, it } from "vitest";

import { monotonicMicroseconds, notify } from "./notify.ts";
import { SystemCallError } from "./libc.ts";
import { peerOf } from "./peer.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "btm-notify-"));
  return () => rm(folder, { recursive: true });
});

/** A datagram socket of another program: Node has none. Sends to it once it is bound, and gives what it got. */
async function received(socket: string, send: () => void): Promise<string> {
  const script =
    "import socket,sys\ns=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\nn=sys.argv[1]\ns.bind('\\0'+n[1:] if n[0]=='@' else n)\n" +
    "print('bound',file=sys.stderr,flush=True)\ns.settimeout(9)\nprint(s.recv(4096).decode())";
  const running = promisify(execFile)("python3", ["-c", script, socket]);
  const { stderr } = running.child;
  if (stderr === null) throw new Error("It has no stderr");
  await once(stderr, "data");
  send();
  return (await running).stdout.trim();
}

it.each(["path", "abstract"])("tells a datagram socket with a name that is %s", async (kind) => {
  const name = `${folder}/${kind}`;
  const socket = kind === "path" ? name : `@${name}`;
  const got = await received(socket, () => {
    notify(socket, { READY: "1", STATUS: "two\nlines" });
  });
  expect(got).toBe("READY=1\nSTATUS=two lines");
});

it("does nothing without a socket, and fails when nobody is there", () => {
  notify(undefined, { READY: "1" });
  notify("", { READY: "1" });
  expect(() => {
    notify(join(folder, "nobody"), { READY: "1" });
  }).toThrow(SystemCallError);
});

it("has the clock of the kernel, which only goes forwards", () => {
  const first = monotonicMicroseconds();
  expect(first).toBeGreaterThan(0n);
  expect(monotonicMicroseconds()).toBeGreaterThanOrEqual(first);
});

it("knows who is at the other end of a socket", async () => {
  const path = join(folder, "peer");
  const server = createServer().listen(path);
  await once(server, "listening");
  const accepted = once(server, "connection");
  const client = connect(path);
  const [socket] = (await accepted) as [{ _handle: { fd: number } }];
  const { pid, uid, gid } = peerOf(socket._handle.fd);
  expect([pid, uid, gid]).toEqual([process.pid, process.getuid?.(), process.getgid?.()]);
  client.destroy();
  server.close();
});
