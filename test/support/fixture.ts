import { type ChildProcess, spawn, type SpawnOptions } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export interface FixtureOptions extends Pick<SpawnOptions, "cwd" | "uid" | "gid"> {
  /** A command that starts it. */
  readonly through?: readonly string[];
  /** A bundle of it to run instead (bundle-fixture.ts). */
  readonly bundle?: string | undefined;
}

const running = new Set<Fixture>();

/** Ends what a failed test has left running: it may have files open on what is taken down next. */
export async function killFixtures(): Promise<void> {
  await Promise.all([...running].map((fixture) => fixture.kill()));
}

/** Where a program of test/support/fixtures is. */
export function fileOf(name: string): string {
  return fileURLToPath(new URL(`fixtures/${name}.ts`, import.meta.url));
}

/** A program of test/support/fixtures in a process of its own. It ends when its standard input does. */
export class Fixture {
  readonly child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #ended: Promise<unknown>;
  #stderr = "";

  constructor(name: string, argument: unknown, options: FixtureOptions = {}) {
    const { through = [], bundle, ...rest } = options;
    const [command, ...args] = [...through, process.execPath, bundle ?? fileOf(name), JSON.stringify(argument)];
    this.child = spawn(command, args, { ...rest, stdio: "pipe" });
    running.add(this);
    this.child.on("exit", () => running.delete(this));
    const { stdout, stderr } = this.child;
    if (stdout === null || stderr === null) throw new TypeError("No pipes");
    stderr.setEncoding("utf8").on("data", (text: string) => (this.#stderr += text));
    this.#lines = createInterface(stdout)[Symbol.asyncIterator]();
    this.#ended = once(this.child, "close");
  }

  /** The next line it prints, read as JSON. */
  async next(): Promise<unknown> {
    const line = await this.#lines.next();
    if (line.done === true) throw new Error(`The fixture has ended: ${await this.#whatItSaid()}`);
    return JSON.parse(line.value);
  }

  /** All that it prints until it ends. */
  async rest(): Promise<unknown[]> {
    const lines: unknown[] = [];
    for await (const line of { [Symbol.asyncIterator]: () => this.#lines }) lines.push(JSON.parse(line));
    return lines;
  }

  /** Hands it one line of JSON. */
  send(value: unknown): void {
    this.child.stdin?.write(`${JSON.stringify(value)}\n`);
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** Asks it to end, and waits for that. */
  async stop(): Promise<void> {
    this.child.stdin?.end();
    await this.ended();
  }

  /** Ends it as the kernel ends a process that is out of memory. */
  async kill(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.ended();
  }

  async ended(): Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }> {
    await this.#ended;
    return { code: this.child.exitCode, signal: this.child.signalCode };
  }

  async #whatItSaid(): Promise<string> {
    const { code, signal } = await this.ended();
    return `${String(code ?? signal)} ${this.#stderr}`;
  }
}
