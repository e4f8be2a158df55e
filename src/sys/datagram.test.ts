import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { promisify } from "node:util";
import { expect, it } from "vitest";

import { type Datagram, DatagramSocket } from "./datagram.ts";

const NAME = `btm-test-${String(process.pid)}`;

/** Runs lines of Python with a socket `s` bound by the kernel, and `to` the name of ours. */
const send = (lines: string): Promise<{ stdout: string }> => {
  const front =
    "import socket,sys,os,array\ns=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\ns.settimeout(9)\nto='\\0'+sys.argv[1]\n";
  return promisify(execFile)("python3", ["-c", `${front}${lines}`, NAME]);
};

it("receives with the sender's credentials and name, and answers", async () => {
  const socket = new DatagramSocket(NAME, 8);
  try {
    const client = send("s.bind('')\ns.sendto(b'hello',to)\nprint(os.getpid(),s.recv(99).decode())");
    const got = await socket.receive();
    expect(got?.bytes.toString()).toBe("hello");
    expect([got?.peer?.uid, got?.peer?.gid]).toEqual([process.getuid?.(), process.getgid?.()]);
    socket.send(Buffer.from("back"), got?.from ?? Buffer.alloc(0));
    expect((await client).stdout.trim()).toBe(`${String(got?.peer?.pid)} back`);
    // Gone by now.
    expect(() => {
      socket.send(Buffer.from("late"), got?.from ?? Buffer.alloc(0));
    }).toThrow("ECONNREFUSED");
  } finally {
    await socket.close();
  }
});

it("cuts off what is too large, has no address for one without an abstract name, and takes no descriptors", async () => {
  const socket = new DatagramSocket(NAME, 8);
  try {
    const before = readdirSync("/proc/self/fd").length;
    const all =
      "s.sendto(b'x'*9000,to)\ns.sendto(b'',to)\n" +
      "s.sendmsg([b'fd'],[(socket.SOL_SOCKET,socket.SCM_RIGHTS,array.array('i',[0,1,2]))],0,to)";
    const client = send(all);
    const got: (Datagram | undefined)[] = [];
    while (got.length < 3) got.push(await socket.receive());
    await client;
    expect(got.map((one) => one?.bytes.toString())).toEqual(["x".repeat(9), "", "fd"]);
    expect(got.map((one) => one?.from)).toEqual([undefined, undefined, undefined]);
    expect(got[2]?.peer?.uid).toBe(process.getuid?.());
    expect(readdirSync("/proc/self/fd").length).toBe(before);
  } finally {
    await socket.close();
  }
});

it("wakes up when it is closed, and its name is free again", async () => {
  const socket = new DatagramSocket(NAME, 8);
  expect(() => new DatagramSocket(NAME, 8)).toThrow("EADDRINUSE");
  const waiting = socket.receive();
  await socket.close();
  expect(await waiting).toBeUndefined();
  expect(await socket.receive()).toBeUndefined();
  await new DatagramSocket(NAME, 8).close();
});
