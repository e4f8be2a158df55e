import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, beforeEach, expect, it } from "vitest";

import { Log } from "./log.ts";
import { type Limits, type Reply, SocketServer, type WireRequest } from "./server.ts";

let folder: string;
let socket: string;
let count = 0;
let asked: WireRequest[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "btm-server-"));
  return () => rm(folder, { recursive: true });
});

beforeEach(() => {
  socket = join(folder, `${String(++count)}.sock`);
  asked = [];
});

async function serve(
  limits: Partial<Limits> = {},
  reply: (request: WireRequest) => Promise<Reply> = () => Promise.resolve({ status: 200, body: "hello" }),
): Promise<SocketServer & AsyncDisposable> {
  const server = new SocketServer({
    handle: (request) => {
      asked.push(request);
      return reply(request);
    },
    log: new Log({ write: () => undefined, isJournal: false, now: () => new Date() }),
    limits,
  });
  await server.listen(socket);
  return Object.assign(server, { [Symbol.asyncDispose]: () => server.close() });
}

async function open(): Promise<Socket> {
  const connection = connect(socket).on("error", () => undefined);
  await once(connection, "connect");
  return connection;
}

/** All that comes until the server hangs up. */
async function answerTo(...bytes: readonly (string | Buffer)[]): Promise<string> {
  const connection = await open();
  let answer = "";
  connection.setEncoding("utf8").on("data", (chunk: string) => {
    answer += chunk;
  });
  // Not once(): it fails at an error, which is one way to be hung up on.
  const closed = new Promise<void>((resolve) => {
    connection.on("close", () => {
      resolve();
    });
  });
  for (const part of bytes) connection.write(part);
  await closed;
  return answer;
}

const HEAD = "POST /x HTTP/1.1\r\nHost: btm\r\n";

it("answers what comes on one connection one after the other, and knows who asks", async () => {
  await using server = await serve();
  const answers = await answerTo(`${HEAD}Content-Length: 2\r\n\r\nab`, `${HEAD}Connection: close\r\n\r\n`);
  expect(answers.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(2);
  expect(asked.map(({ method, target, body }) => [method, target, body])).toEqual([
    ["POST", "/x", "ab"],
    ["POST", "/x", ""],
  ]);
  expect(asked[0]?.peer).toMatchObject({ pid: process.pid, uid: process.getuid?.() });
  await expect.poll(() => server.connections).toBe(0);
});

it.each<[string, string, RegExp]>([
  ["a body that says it is too large", `${HEAD}Content-Length: 11\r\n\r\n`, /^HTTP\/1\.1 413 /],
  ["one that turns out to be", `${HEAD}Transfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n`, /^HTTP\/1\.1 413 /],
  ["a header that is", `${HEAD}X: ${"x".repeat(20_000)}\r\n\r\n`, /^HTTP\/1\.1 431 /],
  ["what is not HTTP", "garbage\r\n\r\n", /^HTTP\/1\.1 400 /],
  ["two lengths", `${HEAD}Content-Length: 1\r\nContent-Length: 2\r\n\r\na`, /^HTTP\/1\.1 400 /],
])("refuses %s", async (_, bytes, answer) => {
  await using server = await serve({ maxBodyBytes: 10 });
  expect(await answerTo(bytes)).toMatch(answer);
  expect(asked).toEqual([]);
  await expect.poll(() => server.connections).toBe(0);
});

it.each([
  ["says nothing", ""],
  ["stops in the header", HEAD],
  ["stops in the body", `${HEAD}Content-Length: 5\r\n\r\nab`],
])("hangs up on one who %s", async (_, bytes) => {
  await using server = await serve({ requestMs: 40 });
  expect(await answerTo(bytes)).toBe("");
  expect(asked).toEqual([]);
  await expect.poll(() => server.connections).toBe(0);
});

it("does not hang up on one whose answer takes longer", async () => {
  const { promise, resolve } = Promise.withResolvers<Reply>();
  await using server = await serve({ requestMs: 40 }, () => promise);
  const slow = answerTo(`${HEAD}Content-Length: 2\r\nConnection: close\r\n\r\nab`);
  // The sweep has been there for one that came later.
  expect(await answerTo("")).toBe("");
  await expect.poll(() => server.connections).toBe(1);
  resolve({ status: 200, body: {} });
  expect(await slow).toMatch(/^HTTP\/1\.1 200 /);
});

it("asks nothing for one that vanishes in the middle, and survives one that does before the answer", async () => {
  const { promise, resolve } = Promise.withResolvers<Reply>();
  await using server = await serve({}, () => promise);
  const half = await open();
  half.write(`${HEAD}Content-Length: 5\r\n\r\nab`);
  const whole = await open();
  whole.write(`${HEAD}Content-Length: 2\r\n\r\nab`);
  await expect.poll(() => asked.length).toBe(1);
  half.destroy();
  whole.destroy();
  await expect.poll(() => server.connections).toBe(0);
  resolve({ status: 200, body: "late" });
  expect(await answerTo(`${HEAD}Connection: close\r\n\r\n`)).toMatch(/late$/);
  expect(asked).toHaveLength(2);
});

it("answers a failure of what it asks, and goes on", async () => {
  await using server = await serve({}, () => Promise.reject(new Error("a bug")));
  expect(await answerTo(`${HEAD}Content-Length: 2\r\n\r\nab`)).toMatch(/^HTTP\/1\.1 500 [\s\S]*SYSTEM_ERROR/);
  expect(await answerTo(`${HEAD}\r\n`)).toMatch(/^HTTP\/1\.1 500 /);
  await expect.poll(() => server.connections).toBe(0);
});

it("lets 2,048 in, hangs up on the next, and lets one in when one has gone", async () => {
  await using server = await serve();
  const connections = await Promise.all(Array.from({ length: 2048 }, open));
  await expect.poll(() => server.connections).toBe(2048);
  expect(await answerTo(`${HEAD}\r\n`)).toBe("");
  expect([server.refused, server.connections]).toEqual([1, 2048]);
  connections.pop()?.destroy();
  await expect.poll(() => server.connections).toBe(2047);
  expect(await answerTo(`${HEAD}Connection: close\r\n\r\n`)).toMatch(/^HTTP\/1\.1 200 /);
  for (const connection of connections) connection.destroy();
  await expect.poll(() => server.connections).toBe(0);
});
