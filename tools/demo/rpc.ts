import * as v from "valibot";

/** The node answers, but not yet to this: it is still reading its database. */
const IN_WARMUP = -28;

const answerForm = v.object({
  result: v.unknown(),
  error: v.nullable(v.object({ code: v.number(), message: v.string() })),
});

/** JSON-RPC as the Bitcoin family speaks it. */
export class Rpc {
  readonly #url: string;
  readonly #authorization: string;
  readonly #signal: AbortSignal;

  /** @param cookie "user:password", as the node writes it into its data directory at every start */
  constructor(port: number, cookie: string, signal: AbortSignal) {
    this.#url = `http://127.0.0.1:${String(port)}/`;
    this.#authorization = `Basic ${Buffer.from(cookie.trim()).toString("base64")}`;
    this.#signal = signal;
  }

  /** Asks, and checks the form of the answer. */
  async call<Form extends v.GenericSchema>(
    form: Form,
    method: string,
    ...params: readonly unknown[]
  ): Promise<v.InferOutput<Form>> {
    const response = await fetch(this.#url, {
      method: "POST",
      // A node that is told to stop waits until its callers have hung up, and fetch would hold the line for four seconds.
      headers: { authorization: this.#authorization, connection: "close" },
      body: JSON.stringify({ jsonrpc: "1.0", id: "btm-demo", method, params }),
      signal: this.#signal,
    });
    if (response.status === 401) throw new NotReadyError("the cookie is still that of an earlier start");
    const { result, error } = v.parse(answerForm, await response.json());
    if (error?.code === IN_WARMUP) throw new NotReadyError(error.message);
    if (error !== null) throw new Error(`The node refused ${method}: ${error.message} (${String(error.code)})`);
    return v.parse(form, result);
  }
}

export class NotReadyError extends Error {
  override readonly name = "NotReadyError";
}
