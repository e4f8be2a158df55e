import { EventEmitter, once } from "node:events";
import {
  type IncomingHttpHeaders,
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { text } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { onTestFinished } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";

/** What a node answers. Bigints are written as JSON numbers, all their digits. */
export interface Script {
  /** By the name of the method. */
  readonly rpc?: Readonly<Record<string, (params: unknown) => unknown>>;
  /** Where it takes JSON-RPC: "/" unless given. */
  readonly rpcPaths?: readonly string[];
  /** By the path, with its query or without; undefined is a 404. */
  readonly rest?: Readonly<Record<string, () => unknown>>;
  /** Where it takes WebSockets. */
  readonly socketPath?: string;
  /** Where it sends events. */
  readonly eventsPath?: string;
}

/** Thrown by a script: an error of JSON-RPC. */
export class RpcFault extends Error {
  readonly error: unknown;
  readonly status: number;
  constructor(code: number, message: string, more: { cause?: unknown; status?: number } = {}) {
    super(message);
    this.error = { code, message, ...(more.cause === undefined ? {} : { cause: more.cause }) };
    this.status = more.status ?? 200;
  }
}

/** Thrown by a script: a status of HTTP. */
export class StatusFault extends Error {
  readonly status: number;
  readonly body: string;
  constructor(status: number, body = "") {
    super(body);
    this.status = status;
    this.body = body;
  }
}

export type Fault =
  | "silent"
  | "dripping"
  | "cut"
  | "closed"
  | "garbage"
  | "oversized"
  | "compressed"
  | "redirect"
  | "empty"
  | { readonly status: number; readonly body?: string };

export interface Asked {
  readonly method: string;
  readonly path: string;
  /** The method of JSON-RPC. */
  readonly call: string | undefined;
  readonly params: unknown;
  readonly authorization: string | undefined;
}

/** A server on a free port of its own that answers as a script says, or as no node should. */
export class ScriptedNode {
  readonly port: number;
  readonly asked: Asked[] = [];
  script: Script;
  /** Instead of every answer. */
  fault: Fault | undefined;
  /** Who gives no other is refused with 401. */
  authorization: string | undefined;
  /** What was sent over WebSockets. */
  readonly subscriptions: unknown[] = [];
  /** The headers of requests for a WebSocket. */
  readonly upgrades: IncomingHttpHeaders[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #channels = new Set<WebSocket>();
  readonly #streams = new Set<ServerResponse>();
  readonly #news = new EventEmitter();

  private constructor(server: Server, script: Script) {
    this.#server = server;
    this.script = script;
    this.port = (server.address() as AddressInfo).port;
    server.on("request", (request: IncomingMessage, response: ServerResponse) => void this.#serve(request, response));
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket
        .on("error", () => undefined)
        .on("close", () => {
          this.#sockets.delete(socket);
          this.#news.emit("news");
        });
    });
    this.#takeWebSockets();
  }

  static async start(script: Script, port = 0): Promise<ScriptedNode> {
    const server = createServer().listen(port, "127.0.0.1");
    await once(server, "listening");
    const node = new ScriptedNode(server, script);
    onTestFinished(() => node.stop());
    return node;
  }

  get url(): string {
    return `http://127.0.0.1:${String(this.port)}`;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  get listeners(): number {
    return this.#channels.size + this.#streams.size;
  }

  /** As a node that is killed. It can be started again on its port. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, "close");
  }

  /** As a machine that lost its power: nothing that comes is taken any more, and nobody is told. */
  freeze(): void {
    this.fault ??= "silent";
    for (const socket of this.#sockets) socket.removeAllListeners("data").removeAllListeners("readable").pause();
  }

  /** A message over every WebSocket. */
  announce(message: unknown): void {
    for (const channel of this.#channels) channel.send(typeof message === "string" ? message : jsonText(message));
  }

  /** Text over every stream of events. */
  emit(text: string): void {
    for (const stream of this.#streams) stream.write(text);
  }

  /** Closes every connection, as a node does that restarts behind a port that stays open. */
  hangUpConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Closes every WebSocket and stream of events. */
  hangUp(): void {
    for (const channel of this.#channels) channel.terminate();
    for (const stream of this.#streams) stream.destroy();
  }

  /** Waits until it is so; looked at whenever something happens here. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await once(this.#news, "news");
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request).catch(() => "");
    const { method = "", url: path = "", headers } = request;
    const question = parsed(body) as { method?: string; params?: unknown; id?: unknown };
    const { authorization } = headers;
    this.asked.push({ method, path, call: question.method, params: question.params, authorization });
    this.#news.emit("news");
    if (this.fault !== undefined) {
      spoil(response, this.fault);
      return;
    }
    if (this.authorization !== undefined && authorization !== this.authorization) {
      response.writeHead(401).end();
      return;
    }
    if (method === "GET" && path.split("?")[0] === this.script.eventsPath) {
      this.#stream(response);
      return;
    }
    const answer = method === "POST" ? this.#call(path, question) : this.#get(path);
    response.writeHead(answer.status, { "content-type": "application/json" }).end(answer.body);
  }

  #call(path: string, question: { method?: string; params?: unknown; id?: unknown }): { status: number; body: string } {
    const { rpc = {}, rpcPaths = ["/"] } = this.script;
    const { method = "", params, id } = question;
    if (!rpcPaths.includes(path.split("?")[0] ?? "")) return { status: 404, body: "" };
    try {
      const answer = rpc[method];
      if (answer === undefined) throw new RpcFault(-32_601, "Method not found");
      return { status: 200, body: jsonText({ jsonrpc: "2.0", id, result: answer(params) }) };
    } catch (error) {
      if (error instanceof StatusFault) return error;
      if (!(error instanceof RpcFault)) throw error;
      return { status: error.status, body: jsonText({ jsonrpc: "2.0", id, error: error.error }) };
    }
  }

  #get(path: string): { status: number; body: string } {
    const { rest = {} } = this.script;
    try {
      const value = (rest[path] ?? rest[path.split("?")[0] ?? ""])?.();
      return value === undefined ? { status: 404, body: "" } : { status: 200, body: jsonText(value) };
    } catch (error) {
      if (error instanceof StatusFault) return error;
      throw error;
    }
  }

  #stream(response: ServerResponse): void {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.flushHeaders();
    this.#streams.add(response);
    response.on("close", () => {
      this.#streams.delete(response);
      this.#news.emit("news");
    });
    this.#news.emit("news");
  }

  #takeWebSockets(): void {
    const channels = new WebSocketServer({ noServer: true });
    this.#server.on("upgrade", (request, socket, head) => {
      const path = (request.url ?? "").split("?")[0];
      if (this.fault !== undefined || path !== this.script.socketPath) {
        socket.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n");
        return;
      }
      this.upgrades.push(request.headers);
      channels.handleUpgrade(request, socket, head, (channel) => {
        this.#channels.add(channel);
        channel.on("error", () => undefined);
        channel.on("close", () => {
          this.#channels.delete(channel);
          this.#news.emit("news");
        });
        channel.on("message", (data: Buffer) => {
          this.subscriptions.push(JSON.parse(data.toString("utf8")));
          this.#news.emit("news");
        });
      });
    });
  }
}

function spoil(response: ServerResponse, fault: Fault): void {
  if (typeof fault === "object") {
    response.writeHead(fault.status).end(fault.body ?? "");
    return;
  }
  switch (fault) {
    case "silent":
      return;
    case "closed":
      response.socket?.destroy();
      return;
    case "dripping": {
      response.writeHead(200);
      const timer = setInterval(() => response.write(" "), 5);
      response.on("close", () => {
        clearInterval(timer);
      });
      return;
    }
    case "cut":
      response.writeHead(200, { "content-length": "100" }).write('{"result":"0x', () => response.socket?.destroy());
      return;
    case "garbage":
      response.writeHead(200).end("<html>It works!</html>");
      return;
    case "empty":
      response.writeHead(200).end();
      return;
    case "oversized":
      // Its length is not said.
      response.writeHead(200).write(" ".repeat(3 * 1024 * 1024));
      return;
    case "compressed":
      response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync('{"result":"0x1"}'));
      return;
    case "redirect":
      response.writeHead(302, { location: "http://127.0.0.1:1/elsewhere" }).end();
  }
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return {};
  }
}

function jsonText(value: unknown): string {
  const { rawJSON } = JSON as unknown as { rawJSON: (text: string) => unknown };
  return JSON.stringify(value, (_, one: unknown) => (typeof one === "bigint" ? rawJSON(String(one)) : one));
}
