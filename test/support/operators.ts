import { Fixture } from "./fixture.ts";
import type { Said, Work } from "./fixtures/operate.ts";

export interface Outcome {
  /** Every call of onStep, "before ..." and "after ...", the one it was killed at included. */
  readonly steps: readonly string[];
  readonly wasKilled: boolean;
  /** What it said it recovered; none when killed. */
  readonly recovered: readonly string[];
}

/** Runs operations, each in a process of its own that may be killed; the next one starts while this one works. */
export class Operators {
  readonly #through: readonly string[];
  readonly #bundle: string | undefined;
  #next: Fixture | undefined;

  /**
   * @param through a command that starts each
   * @param bundle of the fixture, to start instead
   */
  constructor(through: readonly string[] = [], bundle?: string) {
    this.#through = through;
    this.#bundle = bundle;
  }

  async run(work: Work): Promise<Outcome> {
    const fresh = (): Fixture => new Fixture("operate", null, { through: this.#through, bundle: this.#bundle });
    const operator = this.#next ?? fresh();
    this.#next = fresh();
    if ((await operator.next()) !== "warm") throw new TypeError("The operator has cold feet");
    operator.send(work);
    const said = (await operator.rest()) as Said[];
    const { code, signal } = await operator.ended();
    const wasKilled = work.killAt !== undefined && signal === "SIGKILL";
    if (!wasKilled && code !== 0) throw new Error(`${JSON.stringify(work)} failed: ${operator.stderr}`);
    return {
      steps: said.flatMap((line) => ("step" in line ? [line.step] : [])),
      wasKilled,
      recovered: said.flatMap((line) => ("recovered" in line ? line.recovered : [])),
    };
  }

  async close(): Promise<void> {
    await this.#next?.stop();
  }
}
