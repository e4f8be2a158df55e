import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer, type Server as NetServer, type Socket } from "node:net";

import { type Peer, peerOf } from "../sys/peer.ts";
import { errorText, type Log } from "./log.ts";

/** What is answered to a request. */
export interface Reply {
  readonly status: number;
  /** Sent as JSON; text is sent as it is. */
  readonly body: object | string;
}

export interface WireRequest {
  readonly method: string;
  /** As it was sent, from the first slash on. */
  readonly target: string;
  readonly body: string;
  readonly peer: Peer | undefined;
}

export interface ServerOptions {
  readonly handle: (request: WireRequest) => Promise<Reply>;
  readonly log: Log;
  readonly limits?: Partial<Limits>;
}

export interface Limits {
  /** For a request to be in, and for a connection between two of them. */
  readonly requestMs: number;
  readonly maxBodyBytes: number;
  readonly maxHeaderBytes: number;
  readonly maxConnections: number;
}

const LIMITS: Limits = {
  requestMs: 10_000,
  maxBodyBytes: 64 * 1024,
  maxHeaderBytes: 16 * 1024,
  maxConnections: 2048,
};

/** What is known of a connection. */
interface Connection {
  readonly peer: Peer | undefined;
  /** Since when its next request is awaited; undefined while one is answered. */
  waitsSince: number | undefined;
}

/**
 * HTTP on a Unix socket. Connections are accepted by a server of node:net, whose descriptors tell who is there, and handed
 * to one of node:http that never listens. What is slow is cut off by our own clock: the timeouts of node:http are not the
 * same under bun.
 */
export class SocketServer {
  readonly #options: ServerOptions;
  readonly #limits: Limits;
  readonly #http: Server;
  readonly #net: NetServer;
  readonly #connections = new Map<Socket, Connection>();
  #sweeper: NodeJS.Timeout | undefined;
  #isClosing = false;
  refused = 0;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#limits = { ...LIMITS, ...options.limits };
    this.#http = createHttpServer(
      {
        maxHeaderSize: this.#limits.maxHeaderBytes,
        requestTimeout: 0,
        headersTimeout: 0,
        keepAliveTimeout: 0,
        connectionsCheckingInterval: 2 ** 30,
      },
      (request, response) => {
        void this.#answer(request, response);
      },
    );
    this.#http.on("clientError", (error: Error & { code?: string }, socket) => {
      const status = error.code === "HPE_HEADER_OVERFLOW" ? "431 Request Header Fields Too Large" : "400 Bad Request";
      if (!socket.writable) socket.destroy();
      else socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    });
    this.#net = createServer((socket) => {
      this.#accept(socket);
    });
  }

  get connections(): number {
    return this.#connections.size;
  }

  async listen(path: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    this.#net.once("error", reject);
    this.#net.listen({ path, backlog: BACKLOG }, () => {
      this.#net.off("error", reject);
      // accept(2) fails when descriptors are short; the next one may succeed.
      this.#net.on("error", (error) => {
        this.#options.log.error(`Cannot accept a connection: ${errorText(error)}`);
      });
      resolve(undefined);
    });
    await promise;
  }

  /** Takes no more requests, waits for the answers under way, then lets go of everybody. */
  async close(): Promise<void> {
    this.#isClosing = true;
    const closed = new Promise<void>((resolve) => {
      this.#net.close(() => {
        resolve();
      });
    });
    for (const [socket, { waitsSince }] of this.#connections) if (waitsSince !== undefined) socket.destroy();
    // Each that is answered goes by itself.
    await closed;
    clearInterval(this.#sweeper);
    this.#http.close();
  }

  #accept(socket: Socket): void {
    socket.on("error", () => undefined);
    if (this.#isClosing || this.#connections.size >= this.#limits.maxConnections) {
      this.refused++;
      socket.destroy();
      return;
    }
    this.#connections.set(socket, { peer: peerOfSocket(socket), waitsSince: performance.now() });
    socket.once("close", () => {
      this.#connections.delete(socket);
      // No connection, no wake-up.
      if (this.#connections.size > 0) return;
      clearInterval(this.#sweeper);
      this.#sweeper = undefined;
    });
    this.#sweeper ??= setInterval(
      () => {
        this.#sweep();
      },
      Math.min(1000, this.#limits.requestMs / 4),
    ).unref();
    this.#http.emit("connection", socket);
  }

  #sweep(): void {
    const now = performance.now();
    for (const [socket, { waitsSince }] of this.#connections) {
      if (waitsSince !== undefined && now - waitsSince > this.#limits.requestMs) socket.destroy();
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket, method = "", url = "" } = request;
    const connection = this.#connections.get(socket);
    response.on("error", () => undefined);
    try {
      const body = await this.#bodyOf(request);
      if (connection !== undefined) connection.waitsSince = undefined;
      const reply: Reply =
        body === undefined
          ? TOO_LARGE
          : await this.#options.handle({ method, target: url, body, peer: connection?.peer });
      this.#send(response, reply, body === undefined || this.#isClosing);
    } catch (error) {
      // The client went away, or we have a bug: neither ends the daemon.
      if (!response.headersSent && !socket.destroyed && request.complete) {
        this.#options.log.error(`Cannot answer a request: ${errorText(error)}`);
        this.#send(response, BROKEN, true);
      } else socket.destroy();
    } finally {
      if (connection !== undefined) connection.waitsSince = performance.now();
    }
  }

  #send(response: ServerResponse, { status, body }: Reply, isLast: boolean): void {
    const text = typeof body === "string" ? body : `${JSON.stringify(body)}\n`;
    response.writeHead(status, {
      "content-type": typeof body === "string" ? "text/plain; version=0.0.4; charset=utf-8" : "application/json",
      "content-length": Buffer.byteLength(text),
      ...(isLast ? { connection: "close" } : {}),
    });
    response.end(text);
  }

  /** Undefined when it is too large. Rejects when the client goes away in the middle of it. */
  #bodyOf(request: IncomingMessage): Promise<string | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
    const chunks: Buffer[] = [];
    let size = 0;
    const declared = Number(request.headers["content-length"] ?? 0);
    if (declared > this.#limits.maxBodyBytes) return Promise.resolve(undefined);
    request.on("data", (chunk: Buffer) => {
      size += chunk.byteLength;
      if (size <= this.#limits.maxBodyBytes) {
        chunks.push(chunk);
        return;
      }
      request.pause();
      resolve(undefined);
    });
    request.once("end", () => {
      resolve(Buffer.concat(chunks).toString("utf8"));
    });
    request.once("error", reject);
    request.once("close", () => {
      reject(new Error("the client went away"));
    });
    return promise;
  }
}

/** Thousands may come in one instant; the kernel caps it at net.core.somaxconn, 4096. */
const BACKLOG = 4096;

const TOO_LARGE: Reply = {
  status: 413,
  body: { code: "BAD_USAGE", message: "The body has more than 65536 bytes", hint: null },
};
const BROKEN: Reply = {
  status: 500,
  body: { code: "SYSTEM_ERROR", message: "Something went wrong that btm does not know", hint: "The log says more" },
};

function peerOfSocket(socket: Socket): Peer | undefined {
  try {
    // Of libuv's handle, and of bun's: there is no public way to the descriptor.
    const { _handle: handle } = socket as Socket & { readonly _handle?: { readonly fd?: unknown } | null };
    return typeof handle?.fd === "number" && handle.fd >= 0 ? peerOf(handle.fd) : undefined;
  } catch {
    return undefined;
  }
}
