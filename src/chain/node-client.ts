import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";

import { BtmError } from "../errors.ts";
import { escapeText, quote } from "../text.ts";
import { Answer } from "./answer.ts";
import { Authorization, type Credentials } from "./credentials.ts";
import { type Json, parseExactly } from "./exact-json.ts";
import { exchange, type Exchanged } from "./exchange.ts";
import { requestText, resultIn } from "./json-rpc.ts";
import type { AskOptions, Node } from "./node.ts";
import { secretsOf, shownUrl } from "./shown-url.ts";

export interface NodeClientOptions extends Credentials {
  /** http or https; ws and wss are taken for them. */
  readonly url: string;
  /** For a whole exchange, 10 s unless given. */
  readonly timeoutMs?: number;
  /** For each pause in it, 5 s unless given. */
  readonly silenceMs?: number;
  /** Of an answer, 1 MiB unless given. */
  readonly maxBytes?: number;
}

/** Asks one node, over connections that are kept. */
export class NodeClient implements Node {
  readonly url: URL;
  /** The URL as it may be printed. */
  readonly shown: string;
  readonly #options: NodeClientOptions;
  readonly #authorization: Authorization;
  readonly #secrets: readonly string[];
  readonly #agent: HttpAgent;
  readonly #closed = new AbortController();
  #lastId = 0;

  /** @throws BtmError BAD_OPTION */
  constructor(options: NodeClientOptions) {
    const url = parseNodeUrl(options.url);
    this.#options = options;
    this.#authorization = new Authorization(url, options);
    this.#secrets = secretsOf(url);
    this.shown = shownUrl(url);
    url.username = "";
    url.password = "";
    this.url = url;
    const Agent = url.protocol === "https:" ? HttpsAgent : HttpAgent;
    this.#agent = new Agent({ keepAlive: true, maxSockets: 4 });
  }

  async get(path: string, options?: Pick<AskOptions, "timeoutMs">): Promise<Answer> {
    const { status, body } = await this.#ask("GET", undefined, { ...options, path });
    return new Answer(`GET ${pathOf(path)}`, this.#parse(status, body, true));
  }

  async post(body: string, options: AskOptions = {}): Promise<Answer> {
    const exchanged = await this.#ask("POST", body, options);
    return new Answer(`POST ${pathOf(options.path ?? "/")}`, this.#parse(exchanged.status, exchanged.body, true));
  }

  async call(method: string, params: unknown = [], options: AskOptions = {}): Promise<Answer> {
    const id = ++this.#lastId;
    const { status, body } = await this.#ask("POST", requestText(id, method, params), options);
    try {
      // An error of JSON-RPC comes with status 200, 400, 404 or 500.
      return resultIn(this.#parse(status, body, false), {
        id,
        method,
        shown: this.shown,
        hide: (text) => this.#hide(text),
      });
    } catch (error) {
      throw status === 200 || hasRpcCode(error) ? this.#hidden(error) : this.#badStatus(status, body);
    }
  }

  /** The header that proves who asks; for a WebSocket to the same node. */
  authorization(): Promise<string | undefined> {
    return this.#authorization.header();
  }

  /** Ends what is under way, with ABORTED, and all connections. */
  close(): void {
    this.#closed.abort();
    this.#agent.destroy();
  }

  async #ask(method: "GET" | "POST", body: string | undefined, options: AskOptions): Promise<Exchanged> {
    const first = await this.#exchange(method, body, options);
    const isStale = first.status === 401 && this.#authorization.forget();
    const exchanged = isStale ? await this.#exchange(method, body, options) : first;
    const { status } = exchanged;
    if (status === 401 || status === 403) {
      throw new BtmError("PERMISSION_DENIED", `The node at ${this.shown} answered with status ${String(status)}`, {
        hint: "Give the user and password of its RPC, or its cookie file; and is this address allowed to ask?",
        details: { status },
      });
    }
    if (status < 300 || status >= 400) return exchanged;
    throw new BtmError("NODE_ANSWER", `The node at ${this.shown} answered with status ${String(status)}`, {
      hint: "Redirects are not followed: give the URL that it leads to",
    });
  }

  async #exchange(method: "GET" | "POST", body: string | undefined, options: AskOptions): Promise<Exchanged> {
    const authorization = await this.#authorization.header();
    const { timeoutMs = this.#options.timeoutMs ?? TIMEOUT_MS } = options;
    try {
      return await exchange(this.#urlOf(options), {
        shown: this.shown,
        method,
        body,
        headers: {
          accept: "application/json",
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...(authorization === undefined ? {} : { authorization }),
        },
        agent: this.#agent,
        timeoutMs,
        // Who asks for something that takes long waits for it in silence.
        silenceMs: options.timeoutMs ?? this.#options.silenceMs ?? SILENCE_MS,
        maxBytes: this.#options.maxBytes ?? MAX_BYTES,
        signal: this.#closed.signal,
      });
    } catch (error) {
      this.#authorization.forget();
      throw error;
    }
  }

  #urlOf({ path = "", fullPath }: AskOptions): URL {
    const [below = "", query = ""] = path.split("?");
    const url = new URL(this.url);
    if (fullPath !== undefined) url.pathname = fullPath;
    else if (below !== "") url.pathname = url.pathname.replace(/\/$/, "") + below;
    url.search = [url.search.slice(1), query].filter((part) => part !== "").join("&");
    return url;
  }

  #parse(status: number, body: string, mustBeGood: boolean): Json {
    if (mustBeGood && (status < 200 || status >= 300)) throw this.#badStatus(status, body);
    try {
      return parseExactly(body);
    } catch (error) {
      const what = `something that is not JSON: ${quote(this.#hide(body).slice(0, 100))}`;
      throw new BtmError("NODE_ANSWER", `The node at ${this.shown} answered with ${what}`, {
        hint: "Is it the node, and of the family that is configured?",
        cause: error,
      });
    }
  }

  #badStatus(status: number, body: string): BtmError {
    const said = body === "" ? "" : `: ${quote(this.#hide(body).slice(0, 200))}`;
    return new BtmError("NODE_ANSWER", `The node at ${this.shown} answered with status ${String(status)}${said}`, {
      details: { status },
    });
  }

  #hidden(error: unknown): unknown {
    if (!(error instanceof BtmError)) return error;
    const hidden = this.#hide(error.message);
    return hidden === error.message ? error : new BtmError(error.code, hidden, { details: error.details });
  }

  /** A node may repeat what it was asked with. */
  #hide(text: string): string {
    const secrets = [...this.#secrets, ...this.#authorization.secrets()];
    // A word that short says nothing, and may be any part of a text.
    return secrets.filter(({ length }) => length > 3).reduce((left, secret) => left.replaceAll(secret, "..."), text);
  }
}

/**
 * Reads the URL of a node; what is wrong with it is said without showing it, for it may hold a password.
 *
 * @throws BtmError BAD_OPTION
 */
export function parseNodeUrl(text: string): URL {
  const http = text.replace(/^ws(?=s?:)/i, "http");
  const url = URL.canParse(http) ? new URL(http) : undefined;
  if (url !== undefined && ["http:", "https:"].includes(url.protocol)) {
    url.hash = "";
    return url;
  }
  throw new BtmError("BAD_OPTION", "Cannot use the URL of the node: expected one of http or https", {
    hint: "For example http://127.0.0.1:8545",
  });
}

/** The status that a node answered a request with, when that is why it failed. */
export function statusOf(error: unknown): number | undefined {
  const status = error instanceof BtmError ? error.details["status"] : undefined;
  return typeof status === "number" ? status : undefined;
}

function hasRpcCode(error: unknown): boolean {
  return error instanceof BtmError && "rpcCode" in error.details;
}

function pathOf(path: string): string {
  return escapeText(path.split("?")[0] ?? "");
}

const TIMEOUT_MS = 10_000;
const SILENCE_MS = 5000;
const MAX_BYTES = 1024 * 1024;
