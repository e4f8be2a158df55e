import type { StepObserver } from "../../src/index.ts";

/** When each call of onStep came. */
export class StepClock {
  readonly #times = new Map<string, number>();

  readonly onStep: StepObserver = (step, when) => {
    const key = `${when} ${step}`;
    // A step may be done several times: the first beginning and the last end count.
    if (when === "after" || !this.#times.has(key)) this.#times.set(key, performance.now());
  };

  /** Milliseconds from one call, "before exchange", to another. */
  between(from: string, to: string): number {
    const [start, end] = [this.#times.get(from), this.#times.get(to)];
    if (start === undefined || end === undefined) throw new Error(`There was no step ${from}, or none ${to}`);
    return end - start;
  }
}
