import { checkCallOptions } from "../call-options.ts";
import { findingOf } from "../check/finding.ts";
import { runIsolated } from "../check/isolated.ts";
import { type Finding, found, nextPlace, openPlaces, type Search, startSearch, suspects } from "../check/search.ts";
import { checkCommand, jobOf } from "../check/wishes.ts";
import { BtmError, isBtmError } from "../errors.ts";
import { type Height, parseHeight } from "../height.ts";
import type { BisectOptions, BisectResult, BisectStep } from "../results.ts";
import { quote } from "../text.ts";
import { closeCopy, openCopy } from "./copies.ts";
import { isOurs, type Use } from "./use.ts";

/** Finds by copies of the snapshots between two heights the first at which a command fails. */
export async function bisect(use: Use, options: BisectOptions): Promise<BisectResult> {
  checkCallOptions("bisect", options, {
    good: "any",
    bad: "any",
    command: "any",
    env: "any",
    folder: "any",
    timeoutMs: "any",
    writable: "any",
    trustEnds: "boolean",
    onStep: "function",
  });
  const [good, bad] = [parseHeight(options.good), parseHeight(options.bad)];
  checkCommand(options);
  if (good >= bad) {
    throw new BtmError("BAD_OPTION", `Cannot look between ${String(good)} and ${String(bad)}: expected good below bad`);
  }
  const { heights, leftOut } = await heightsBetween(use, good, bad, options.signal);
  const bisection = new Bisection(use, options, heights);
  if (leftOut > 0) bisection.warn(`${String(leftOut)} between them that btm did not make are left out`);
  if (options.trustEnds !== true) await bisection.checkEnds();
  return bisection.search();
}

/**
 * Of the snapshots from one height to another, both of which there must be. As of a rollback those made by hand count for
 * nothing, for their names are no heights; unless there are no others, or they are named.
 */
async function heightsBetween(
  { run }: Use,
  good: Height,
  bad: Height,
  signal: AbortSignal | undefined,
): Promise<{ readonly heights: Height[]; readonly leftOut: number }> {
  return run(signal, async ({ volume }) => {
    const all = await volume.snapshots();
    const missing = [good, bad].find((end) => !all.some(({ height }) => height === end));
    if (missing === undefined) {
      const within = all.filter(({ height }) => height >= good && height <= bad);
      const isAnyOurs = all.some(isOurs);
      const chosen = within.filter((snapshot) => {
        return !isAnyOurs || isOurs(snapshot) || snapshot.height === good || snapshot.height === bad;
      });
      return { heights: chosen.map(({ height }) => height), leftOut: within.length - chosen.length };
    }
    const what = `Cannot look between ${String(good)} and ${String(bad)} of ${quote(volume.name)}`;
    throw new BtmError("NO_SUCH_SNAPSHOT", `${what}: there is no snapshot of ${String(missing)}`, {
      hint: "btm list shows those that there are",
    });
  });
}

class Bisection {
  readonly #use: Use;
  readonly #options: BisectOptions;
  readonly #heights: readonly Height[];
  readonly #steps: BisectStep[] = [];
  readonly #warnings = new Set<string>();
  readonly #recovered: string[] = [];
  #search: Search;

  constructor(use: Use, options: BisectOptions, heights: readonly Height[]) {
    this.#use = use;
    this.#options = options;
    this.#heights = heights;
    this.#search = startSearch(heights.length);
  }

  /** Something that the user should know of the result. */
  warn(warning: string): void {
    this.#warnings.add(warning);
  }

  /** @throws BtmError BISECT_FAILED when one is not what it was said to be */
  async checkEnds(): Promise<void> {
    for (const [place, wanted] of [
      [this.#search.good, "good"],
      [this.#search.bad, "bad"],
    ] as const) {
      const finding = await this.#look(place);
      if (finding === wanted) continue;
      const what = `${String(this.#heights[place])} is ${finding === "skip" ? "skipped" : finding}`;
      throw new BtmError("BISECT_FAILED", `Cannot find the first bad: ${what}, expected ${wanted}`, {
        hint: "Does the command tell the two apart? --trust-ends leaves this look out",
        details: { steps: this.#steps },
      });
    }
  }

  async search(): Promise<BisectResult> {
    for (;;) {
      const place = nextPlace(this.#search);
      if (place === undefined) break;
      await this.#look(place);
    }
    const at = (place: number): Height => this.#heights[place] as Height;
    return {
      lastGood: at(this.#search.good),
      firstBad: at(this.#search.bad),
      suspects: suspects(this.#search).map(at),
      steps: this.#steps,
      warnings: [...this.#warnings],
      recovered: this.#recovered,
    };
  }

  /** Runs the command on a copy of one, and goes on with what it says. */
  async #look(place: number): Promise<Finding> {
    const height = this.#heights[place] as Height;
    const { finding, status, seconds } = await this.#try(height);
    const isEnd = this.#search.good === place || this.#search.bad === place;
    if (!isEnd) this.#search = found(this.#search, place, finding);
    const left = openPlaces(this.#search).length;
    const step = { height, finding, status, seconds, left, of: this.#heights.length };
    this.#steps.push(step);
    this.#options.onStep?.(step);
    return finding;
  }

  async #try(height: Height): Promise<Pick<BisectStep, "finding" | "status" | "seconds">> {
    const { signal } = this.#options;
    let copy;
    try {
      copy = await openCopy(this.#use, height, "look at", signal);
    } catch (error) {
      // Thinned out since the search began: nothing can be said of it.
      if (!isBtmError(error) || error.code !== "NO_SUCH_SNAPSHOT") throw error;
      return { finding: "skip", status: undefined, seconds: 0 };
    }
    this.#recovered.push(...copy.recovered);
    try {
      const { answer, warnings } = await runIsolated(jobOf(this.#options, { ...copy, height }, null), signal);
      for (const warning of warnings) this.#warnings.add(warning);
      const found = findingOf(answer);
      const seconds = "seconds" in answer ? answer.seconds : 0;
      const status = answer.kind === "ended" ? (answer.status ?? undefined) : undefined;
      if ("finding" in found) return { ...found, status, seconds };
      throw new BtmError("BISECT_FAILED", `Cannot tell whether ${String(height)} is good: ${found.why}`, {
        hint: "The command says by its status: 0 is good, 1 to 124 bad, 125 that it cannot tell",
        details: { steps: this.#steps },
      });
    } finally {
      for (const warning of await closeCopy(this.#use, copy)) this.#warnings.add(warning);
    }
  }
}
