import { Agent, request } from "node:http";
import { text } from "node:stream/consumers";

export interface Answered {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** A client of the daemon's socket that asks one thing after the other on one connection. */
export class KeepAliveClient {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #socketPath: string;
  readonly #snapshots: string;

  constructor(socketPath: string, volume: string) {
    this.#socketPath = socketPath;
    this.#snapshots = `/v1/volumes/${volume}/snapshots`;
  }

  take(height: number): Promise<Answered> {
    return this.#ask("POST", this.#snapshots, `{"height":${String(height)}}`);
  }

  /** The heights that have a snapshot, ascending. */
  async heights(): Promise<number[]> {
    const { body } = await this.#ask("GET", this.#snapshots);
    return (body["snapshots"] as readonly { readonly height: string }[]).map(({ height }) => Number(height));
  }

  get(path: string): Promise<Answered> {
    return this.#ask("GET", path);
  }

  close(): void {
    this.#agent.destroy();
  }

  async #ask(method: string, path: string, body?: string): Promise<Answered> {
    const { promise, resolve, reject } = Promise.withResolvers<Answered>();
    const headers = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
    const call = request({ socketPath: this.#socketPath, agent: this.#agent, method, path, headers });
    call.on("error", reject).on("response", (response) => {
      text(response).then((answer) => {
        const isJson = response.headers["content-type"] === "application/json";
        resolve({
          status: response.statusCode ?? 0,
          body: isJson ? (JSON.parse(answer) as Answered["body"]) : { text: answer },
        });
      }, reject);
    });
    call.end(body);
    return promise;
  }
}
