import fc from "fast-check";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";

import { fuzzRuns } from "../../test/support/fuzz-runs.ts";
import type { Height } from "../height.ts";
import { Api } from "./api.ts";
import { configOfFlags } from "./config.ts";
import { Log } from "./log.ts";
import { SocketServer } from "./server.ts";

let socket: string;
const asked: Height[] = [];
const logged: string[] = [];

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), "btm-fuzz-"));
  socket = join(folder, "btm.sock");
  const [config] = configOfFlags(
    { volume: "/data/node" },
    { follow: undefined, quiesce: undefined, unit: undefined },
    { socket, compatSocket: false },
  ).volumes;
  if (config === undefined) throw new TypeError("No volume");
  const log = new Log({ write: (line) => logged.push(line), isJournal: true, now: () => new Date() });
  const volume = {
    config,
    problem: undefined,
    together: ["node"],
    governor: { isPaused: false },
    ask: (height: Height) => {
      asked.push(height);
      return Promise.resolve({ taken: true, reason: "due", height, last: undefined, pruned: [] } as const);
    },
    list: () => Promise.resolve([]),
  };
  const api = new Api({
    volumes: () => [volume],
    status: () => ({}),
    metrics: () => "",
    log,
    deadlineMs: 10_000,
  });
  const server = new SocketServer({ handle: (request) => api.handle(request), log });
  await server.listen(socket);
  return async () => {
    await server.close();
    await rm(folder, { recursive: true });
  };
});

/** Sends it, and gives all that comes until the server hangs up; a server that does neither is a hang. */
function exchange(bytes: Uint8Array): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let answer = "";
  const connection = connect({ path: socket, allowHalfOpen: true });
  connection
    .setEncoding("latin1")
    .on("data", (chunk: string) => (answer += chunk))
    .on("error", () => undefined)
    .on("close", () => {
      resolve(answer);
    })
    // Its end is all that is waited for.
    .on("end", () => connection.destroy())
    .end(bytes);
  return promise;
}

const PATH = "/v1/volumes/node/snapshots";
const path = fc.constantFrom(
  PATH,
  PATH,
  "/v1/volumes/other/snapshots",
  "/v1/volumes/%6/snapshots",
  "/v1/status",
  "*",
  "/",
);
const height = fc.oneof(
  fc.bigInt(-10n, 2n ** 65n).map(String),
  fc.constantFrom("1e3", "01", "null", '"7"', '"x"', "[]", "{}", "1.5", '"\\u0037"'),
);
const body = fc.oneof(
  height.map((value) => `{"height":${value}}`),
  fc.tuple(height, height).map(([a, b]) => `{"height":${a},"height":${b}}`),
  fc.json(),
  fc.string({ unit: "binary" }),
);
const line = fc.constantFrom(
  "Host: btm\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Content-Length: 3\r\n",
  "Content-Length: -1\r\n",
  "Expect: 100-continue\r\n",
  "Upgrade: websocket\r\nConnection: upgrade\r\n",
  "Connection: close\r\n",
  "X: \0\r\n",
  " folded\r\n",
  "no colon\r\n",
);
const method = fc.constantFrom("POST", "POST", "POST", "GET", "DELETE", "CONNECT", "HEAD", "PUT", "post", "PRI");
const version = fc.constantFrom("HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "");
const whole = fc
  .tuple(method, path, version, fc.array(line, { maxLength: 3 }), body)
  .map(([verb, target, protocol, lines, content]) => {
    const length = `Content-Length: ${String(Buffer.byteLength(content))}\r\n`;
    return Buffer.from(`${verb} ${target} ${protocol}\r\nHost: btm\r\n${lines.join("")}${length}\r\n${content}`);
  });
const cut = fc.tuple(whole, fc.nat(200)).map(([bytes, end]) => bytes.subarray(0, end));
const flipped = fc.tuple(whole, fc.nat(10_000), fc.nat(255)).map(([bytes, at, value]) => {
  const copy = Buffer.from(bytes);
  copy[at % copy.byteLength] = value;
  return copy;
});
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  whole,
  cut,
  flipped,
  fc.array(fc.oneof(whole, cut), { maxLength: 4 }).map((all) => Buffer.concat(all)),
);

it("answers or hangs up on whatever comes, and takes nothing that was not asked", { timeout: 3_600_000 }, async () => {
  let taken = 0;
  await fc.assert(
    fc.asyncProperty(bytes, async (given) => {
      asked.length = 0;
      logged.length = 0;
      const answer = await exchange(given);
      if (answer !== "") expect(answer).toMatch(/^HTTP\/1\.1 [1-5]\d\d /);
      // A bug of ours would be answered by that.
      expect(answer).not.toContain("SYSTEM_ERROR");
      expect(logged.filter((entry) => entry.startsWith("<3>"))).toEqual([]);
      const text = Buffer.from(given).toString("latin1");
      const said = text.replaceAll("\\u0037", "7").replaceAll("1e3", "1000");
      taken += asked.length;
      if (asked.length > 0) expect(text).toContain(`POST ${PATH}`);
      for (const each of asked) expect(said).toMatch(new RegExp(`:\\s*"?${String(each)}\\b`));
    }),
    { numRuns: fuzzRuns(2000) },
  );
  // It was not all refused.
  expect(taken).toBeGreaterThan(0);
  expect(await exchange(Buffer.from("GET /v1/health HTTP/1.1\r\nHost: btm\r\nConnection: close\r\n\r\n"))).toMatch(
    /^HTTP\/1\.1 200 |^$/,
  );
});
