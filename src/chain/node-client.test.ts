import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";

import { failureOf } from "../../test/support/expect-code.ts";
import { type Fault, RpcFault, ScriptedNode } from "../../test/support/scripted-node.ts";
import type { BtmErrorCode } from "../errors.ts";
import { NodeClient, type NodeClientOptions } from "./node-client.ts";

const SCRIPT = { rpc: { height: () => 7 }, rest: { "/height": () => ({ height: 7 }) } };

function clientOf(server: ScriptedNode, options: Partial<NodeClientOptions> = {}): NodeClient {
  const node = new NodeClient({ url: server.url, ...options });
  onTestFinished(() => {
    node.close();
  });
  return node;
}

async function cookieFile(content: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "btm-cookie-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, ".cookie");
  await writeFile(file, content);
  return file;
}

function basic(pair: string): string {
  return `Basic ${Buffer.from(pair).toString("base64")}`;
}

it("asks one thing after the other on one connection", async () => {
  const server = await ScriptedNode.start(SCRIPT);
  const node = clientOf(server);
  for (let i = 0; i < 5; i++) expect((await node.call("height")).height("")).toBe(7n);
  expect((await node.get("/height")).height("height")).toBe(7n);
  expect(server.connections).toBe(1);
});

it("asks again when the node has closed the connection that was kept", async () => {
  const server = await ScriptedNode.start(SCRIPT);
  const node = clientOf(server);
  await node.call("height");
  server.hangUpConnections();
  expect((await node.call("height")).height("")).toBe(7n);
});

it("keeps path and query of its URL", async () => {
  const server = await ScriptedNode.start({ rest: { "/base/height?key=1&n=2": () => 3 } });
  const node = clientOf(server, { url: `${server.url}/base/?key=1` });
  expect((await node.get("/height?n=2")).height("")).toBe(3n);
});

describe("an answer that is none", () => {
  it.each<[Fault, BtmErrorCode, string, Partial<NodeClientOptions>?]>([
    ["garbage", "NODE_ANSWER", 'something that is not JSON: "<html>It works!</html>"'],
    ["empty", "NODE_ANSWER", 'something that is not JSON: ""'],
    ["oversized", "NODE_ANSWER", "it has more than 1048576 bytes"],
    ["compressed", "NODE_ANSWER", "it is compressed (gzip)"],
    ["redirect", "NODE_ANSWER", "answered with status 302"],
    ["cut", "NODE_UNREACHABLE", "the connection ended in the middle of the answer"],
    ["closed", "NODE_UNREACHABLE", "it closed the connection"],
    ["silent", "NODE_UNREACHABLE", "it was silent for 0.05 s", { silenceMs: 50 }],
    ["dripping", "NODE_UNREACHABLE", "it gave no whole answer within 0.2 s", { timeoutMs: 200 }],
    [{ status: 503, body: "Work queue depth exceeded" }, "NODE_ANSWER", 'status 503: "Work queue depth exceeded"'],
    [{ status: 200, body: "[".repeat(100_000) + "]".repeat(100_000) }, "NODE_ANSWER", "something that is no result"],
    [{ status: 200, body: "[".repeat(1000) + "9".repeat(20) }, "NODE_ANSWER", "something that is not JSON"],
    [{ status: 200, body: '{"id":9999,"result":1}' }, "NODE_ANSWER", "the answer to another request"],
    [{ status: 200, body: '{"height":1}' }, "NODE_ANSWER", "something that is no result"],
    [{ status: 200, body: "[]" }, "NODE_ANSWER", "something that is no result"],
    [{ status: 200, body: '{"error":"no\\u001b[2J"}' }, "NODE_ANSWER", 'error undefined: "no\\u{1b}[2J"'],
    [{ status: 403 }, "PERMISSION_DENIED", "status 403"],
  ])("%o", async (fault, code, message, limits) => {
    const server = await ScriptedNode.start(SCRIPT);
    server.fault = fault;
    const node = clientOf(server, limits);
    expect((await failureOf(node.call("height"), code)).message).toContain(message);
    server.fault = undefined;
    // Nothing is left of it. With limits that short the next may fail on a busy machine.
    if (limits === undefined) expect((await node.call("height")).height("")).toBe(7n);
    node.close();
    await server.until(() => server.connections === 0);
  });

  it("with an error of JSON-RPC, whatever the status", async () => {
    const rpc = {
      broken: () => {
        throw new RpcFault(-8, "out of range", { status: 500 });
      },
    };
    const server = await ScriptedNode.start({ rpc });
    const error = await failureOf(clientOf(server).call("broken"), "NODE_ANSWER");
    expect(error.message).toBe(`The node at ${server.url}/ answered broken with error -8: "out of range"`);
    expect(error.details["rpcCode"]).toBe(-8);
  });

  it("from nobody", async () => {
    const server = await ScriptedNode.start(SCRIPT);
    await server.stop();
    const { message } = await failureOf(clientOf(server).call("height"), "NODE_UNREACHABLE");
    expect(message).toBe(`Cannot ask the node at ${server.url}/: nobody listens there`);
  });
});

it("waits for what takes long as long as it is told to", async () => {
  const server = await ScriptedNode.start(SCRIPT);
  server.fault = "silent";
  const node = clientOf(server, { silenceMs: 1 });
  const { message } = await failureOf(node.call("flush", [], { timeoutMs: 60 }), "NODE_UNREACHABLE");
  expect(message).toMatch(/it (was silent for|gave no whole answer within) 0\.06 s/);
});

it("ends what is under way when it is closed, and all connections", async () => {
  const server = await ScriptedNode.start(SCRIPT);
  const node = clientOf(server);
  await node.call("height");
  server.fault = "silent";
  const call = failureOf(node.call("height"), "ABORTED");
  await server.until(() => server.asked.length === 2);
  node.close();
  await call;
  await server.until(() => server.connections === 0);
  await failureOf(node.call("height"), "ABORTED");
});

describe("credentials", () => {
  it.each<[string, (server: ScriptedNode) => Partial<NodeClientOptions>]>([
    ["in the URL", ({ port }) => ({ url: `http://us%65r:s%3Acret@127.0.0.1:${String(port)}` })],
    ["given beside it", () => ({ user: "user", password: "s:cret" })],
  ])("%s are sent, and never printed", async (_, options) => {
    const server = await ScriptedNode.start(SCRIPT);
    server.authorization = basic("user:s:cret");
    const node = clientOf(server, options(server));
    expect((await node.call("height")).height("")).toBe(7n);
    expect(node.shown).toBe(`${server.url}/`);
    // A node may repeat what it was sent.
    server.fault = { status: 500, body: `wrong: s:cret ${basic("user:s:cret")}` };
    const { message } = await failureOf(node.call("height"), "NODE_ANSWER");
    expect(message).toContain('status 500: "wrong: ... Basic ..."');
  });

  it("are not printed in part, where what a node says is cut", async () => {
    const rpc = {
      echo: () => {
        throw new RpcFault(-1, `${"x".repeat(270)}${basic("user:s:cret word")}`);
      },
    };
    const server = await ScriptedNode.start({ rpc });
    const node = clientOf(server, { user: "user", password: "s:cret word" });
    const secret = basic("user:s:cret word").slice(6);
    const messages = [(await failureOf(node.call("echo"), "NODE_ANSWER")).message];
    for (const [status, padding] of [
      [500, 180],
      [200, 80],
    ] as const) {
      server.fault = { status, body: `${"x".repeat(padding)}${basic("user:s:cret word")}` };
      messages.push((await failureOf(node.call("echo"), "NODE_ANSWER")).message);
    }
    for (const message of messages) expect(message).not.toContain(secret.slice(0, 4));
  });

  it("of a cookie are read again when they are refused, and after each failure", async () => {
    const server = await ScriptedNode.start(SCRIPT);
    const file = await cookieFile("__cookie__:first\n");
    server.authorization = basic("__cookie__:first");
    const node = clientOf(server, { cookieFile: file });
    await node.call("height");
    server.authorization = basic("__cookie__:second");
    await failureOf(node.call("height"), "PERMISSION_DENIED");
    await writeFile(file, "__cookie__:second");
    expect((await node.call("height")).height("")).toBe(7n);
    await rm(file);
    expect((await node.call("height")).height("")).toBe(7n);
    server.fault = "closed";
    await failureOf(node.call("height"), "NODE_UNREACHABLE");
    server.fault = undefined;
    // Whoever has not found the node may find another there.
    expect((await failureOf(node.call("height"), "NODE_UNREACHABLE")).message).toContain("is not there");
  });

  it("in a cookie file that is none are not used", async () => {
    const server = await ScriptedNode.start(SCRIPT);
    const denied = async (path: string): Promise<string> =>
      (await failureOf(clientOf(server, { cookieFile: path }).call("height"), "PERMISSION_DENIED")).message;
    expect(await denied(await cookieFile("no colon"))).toContain("does not hold user:password");
    expect(await denied(await cookieFile("x:".repeat(3000)))).toContain("more than 4096 bytes");
    expect(await denied(tmpdir())).toContain("no regular file");
    for (const content of ["root:hash\ndaemon:hash\n", ":secret", "name:", "name:a\0b"]) {
      expect(await denied(await cookieFile(content))).toContain("does not hold user:password, on one line");
    }
    const linked = `${await cookieFile("name:pass")}-link`;
    await symlink("/etc/shadow", linked);
    expect(await denied(linked)).toContain('".cookie-link" is a link, in a folder that others than root may change');
  });

  it("that are wrong are said to be", async () => {
    const server = await ScriptedNode.start(SCRIPT);
    server.authorization = basic("user:right");
    const { message, hint } = await failureOf(
      clientOf(server, { user: "user", password: "wrong" }).call("height"),
      "PERMISSION_DENIED",
    );
    expect(message + String(hint)).not.toContain("wrong:");
    expect(message).toContain("status 401");
  });

  it("of two kinds are refused", () => {
    const url = "http://user:hidden@127.0.0.1:1";
    expect(() => new NodeClient({ url, cookieFile: "/c" })).toThrow(expect.objectContaining({ code: "BAD_OPTION" }));
    expect(() => new NodeClient({ url, user: "x" })).toThrow("Cannot use two credentials for one node");
  });
});

it.each([
  "",
  "127.0.0.1:8545",
  "ftp://user:hidden@host",
  "http://user:hidden@",
  "unix:/run/node",
  "file:///etc/passwd",
])("refuses the URL %j without showing it", (url) => {
  expect(() => new NodeClient({ url })).toThrow(
    expect.objectContaining({
      code: "BAD_OPTION",
      message: "Cannot use the URL of the node: expected one of http or https",
    }),
  );
});

it("takes a URL of a WebSocket for the node that has it", () => {
  expect(new NodeClient({ url: "wss://node:1/rpc" }).url.href).toBe("https://node:1/rpc");
});

it("shows no key of an API", () => {
  const shown = (url: string): string => new NodeClient({ url }).shown;
  expect(shown("https://host/v3/0123456789abcdef0123456789abcdef")).toBe("https://host/v3/...");
  expect(shown("https://u:p@host:1/ext/bc/C/rpc?token=abc&x=1#f")).toBe("https://host:1/ext/bc/C/rpc?token=...&x=...");
});
