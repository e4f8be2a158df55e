import type { Answer } from "./answer.ts";

export interface AskOptions {
  /** Below the URL of the node: "/ext/info". The URL itself unless given. */
  readonly path?: string;
  /** On the host of the URL, instead of what is below it. */
  readonly fullPath?: string;
  /** For the whole exchange, 10 s unless given. */
  readonly timeoutMs?: number;
}

/**
 * A node, as the families see it.
 *
 * Failures are BtmError: NODE_UNREACHABLE when there was no answer, PERMISSION_DENIED when credentials are missing or
 * wrong, NODE_ANSWER when the answer is an error or is not what was asked for.
 */
export interface Node {
  /** Without credentials. */
  readonly url: URL;
  /** The answer to a GET of a path below the URL; of the URL itself when it is "". */
  get(path: string, options?: Pick<AskOptions, "timeoutMs">): Promise<Answer>;
  /** The answer to a POST of a body. */
  post(body: string, options?: AskOptions): Promise<Answer>;
  /** The result of a JSON-RPC method. */
  call(method: string, params?: unknown, options?: AskOptions): Promise<Answer>;
}
