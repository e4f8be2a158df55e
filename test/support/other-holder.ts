/** For the fixture of quiesce, under a systemd of its own: itself again, as another process. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";

/** The fixture, in one file with all that it imports, beside the programs that run it. */
export const SELF = process.argv[1] ?? "";
export const FOLDER = dirname(SELF);
export const NODE = join(FOLDER, "node");
export const BUN = join(FOLDER, "bun");

export type Kind = "freeze" | "stop";

interface OtherOptions {
  readonly program?: string;
  readonly deadlineMs?: number;
  readonly workMs?: number;
  /** Whether it holds the unit again and again. */
  readonly isAgain?: boolean;
}

/** The fixture again, as one that holds a unit and can be killed; it tells when it does. */
export class OtherHolder {
  readonly process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(kind: Kind, unit: string, options: OtherOptions = {}) {
    const { program = NODE, deadlineMs = 60_000, workMs = 60_000, isAgain = false } = options;
    const words = [SELF, isAgain ? "hold-again" : "hold", kind, unit, String(deadlineMs), String(workMs)];
    const args = program === BUN ? words : ["--no-warnings", ...words];
    this.process = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
    if (this.process.stdout === null) throw new Error("no stdout");
    this.#lines = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
  }

  async line(): Promise<string> {
    const next = await this.#lines.next();
    return next.done === true ? "ended" : next.value;
  }

  /** Kills it; when that was. */
  async kill(): Promise<number> {
    this.process.kill("SIGKILL");
    const at = performance.now();
    await once(this.process, "exit");
    return at;
  }
}
