import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** A helper process that answers every line with one line. */
export class Helper {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #answers: AsyncIterator<string>;
  readonly #command: string;
  #stderr = "";

  constructor(command: string, ...args: readonly string[]) {
    this.#command = command;
    this.#child = spawn(command, args);
    this.#child.stderr.on("data", (chunk: Buffer) => (this.#stderr += chunk.toString()));
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async ask(request: string): Promise<string> {
    this.#child.stdin.write(`${request}\n`);
    const answer = await this.#answers.next();
    if (answer.done === true) throw new Error(`${this.#command} ended at "${request}": ${this.#stderr.trim()}`);
    return answer.value;
  }

  /** Asks for something whose answer is how many nanoseconds it took. @returns milliseconds */
  async time(request: string): Promise<number> {
    return Number(await this.ask(request)) / 1e6;
  }

  async close(): Promise<void> {
    const closed = once(this.#child, "close");
    this.#child.stdin.end();
    await closed;
  }
}
