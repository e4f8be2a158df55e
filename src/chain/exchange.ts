import { type Agent, type ClientRequest, type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";

import { BtmError } from "../errors.ts";
import { escapeText } from "../text.ts";

export interface ExchangeOptions {
  /** For messages, without credentials: "http://127.0.0.1:8545/". */
  readonly shown: string;
  readonly method: "GET" | "POST";
  readonly body: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly agent: Agent | false;
  /** For the whole exchange. */
  readonly timeoutMs: number;
  /** Between two pieces of the answer, and before the first. */
  readonly silenceMs: number;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

export interface Exchanged {
  readonly status: number;
  readonly body: string;
}

/**
 * One request and its answer, whatever its status. Redirects are not followed: an address that was configured is the
 * one that is asked.
 *
 * @throws BtmError NODE_UNREACHABLE without a whole answer, NODE_ANSWER with one that is too large or compressed,
 * ABORTED when the signal fires
 */
export async function exchange(url: URL, options: ExchangeOptions): Promise<Exchanged> {
  const { signal } = options;
  let call: ClientRequest | undefined;
  const { promise, resolve, reject } = Promise.withResolvers<Exchanged>();
  const limit = setTimeout(() => {
    reject(unreachable(options, `it gave no whole answer within ${String(options.timeoutMs / 1000)} s`));
  }, options.timeoutMs);
  const silence = setTimeout(() => {
    reject(unreachable(options, `it was silent for ${String(options.silenceMs / 1000)} s`));
  }, options.silenceMs);
  const abort = (): void => {
    reject(new BtmError("ABORTED", `Stopped asking ${options.shown}`));
  };
  signal.addEventListener("abort", abort);
  try {
    if (signal.aborted) abort();
    else call = send(url, options, resolve, reject, silence);
    return await promise;
  } catch (error) {
    call?.destroy();
    // The node closed a kept connection while we wrote to it (RFC 9112, 9.3.1): a question may be asked again.
    if (call?.reusedSocket !== true || !isReset(error)) throw error;
  } finally {
    clearTimeout(limit);
    clearTimeout(silence);
    signal.removeEventListener("abort", abort);
  }
  return exchange(url, { ...options, agent: false });
}

function send(
  url: URL,
  options: ExchangeOptions,
  resolve: (exchanged: Exchanged) => void,
  reject: (error: BtmError) => void,
  silence: NodeJS.Timeout,
): ClientRequest {
  const { method, body, agent } = options;
  const headers = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
  const request = url.protocol === "https:" ? requestHttps : requestHttp;
  const call = request(url, { method, agent, headers: { ...options.headers, ...headers } });
  call.on("error", (error) => {
    reject(unreachable(options, networkText(error), error));
  });
  call.on("response", (response) => {
    silence.refresh();
    receive(response, options, resolve, reject, silence);
  });
  call.end(body);
  return call;
}

function receive(
  response: IncomingMessage,
  options: ExchangeOptions,
  resolve: (exchanged: Exchanged) => void,
  reject: (error: BtmError) => void,
  silence: NodeJS.Timeout,
): void {
  const encoding = response.headers["content-encoding"] ?? "identity";
  if (encoding !== "identity") {
    reject(unfit(options, `it is compressed (${escapeText(encoding)}), which was not asked for`));
    return;
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  response.on("data", (chunk: Buffer) => {
    silence.refresh();
    bytes += chunk.length;
    // Counted, for content-length may be missing or a lie.
    if (bytes > options.maxBytes) reject(unfit(options, `it has more than ${String(options.maxBytes)} bytes`));
    else chunks.push(chunk);
  });
  const cut = (error?: Error): void => {
    reject(unreachable(options, "the connection ended in the middle of the answer", error));
  };
  response.on("error", cut).on("close", cut);
  response.on("end", () => {
    if (!response.complete) cut();
    else resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") });
  });
}

function unreachable({ shown }: ExchangeOptions, why: string, cause?: unknown): BtmError {
  const hint = "Does the node run, and does it listen there?";
  return new BtmError("NODE_UNREACHABLE", `Cannot ask the node at ${shown}: ${why}`, { hint, cause });
}

function unfit({ shown }: ExchangeOptions, why: string): BtmError {
  return new BtmError("NODE_ANSWER", `Cannot use the answer of the node at ${shown}: ${why}`, {
    hint: "Is it the node, and of the family that is configured?",
  });
}

function isReset(error: unknown): boolean {
  const cause = error instanceof BtmError ? error.cause : undefined;
  return cause instanceof Error && "code" in cause && ["ECONNRESET", "EPIPE"].includes(String(cause.code));
}

function networkText(error: Error): string {
  const code = "code" in error ? String(error.code) : "";
  return WORDS[code] ?? escapeText(code === "" ? error.message : `${code}: ${error.message}`);
}

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nobody listens there",
  // bun's word for it
  ConnectionRefused: "nobody listens there",
  ECONNRESET: "it closed the connection",
  ENOTFOUND: "there is no such host",
  EAI_AGAIN: "the name of the host cannot be looked up now",
  EHOSTUNREACH: "there is no way to the host",
};
