import { median, quantile } from "./statistics.ts";
import type { Tools } from "./tools.ts";

/** One line of the table. */
export interface Line {
  readonly what: string;
  readonly unit: "ms" | "MB" | "writes/s" | "requests/s" | "per second" | "exponent" | "processes";
  readonly ours: Figure;
  /** Against which it is measured, in the same run; without one the target is for our figure alone. */
  readonly baseline?: Figure;
  readonly against?: string;
  /** What is to be reached, by the ratio of the medians (ours / baseline), or by ours where there is no baseline. */
  readonly target?: Target;
  readonly note?: string;
}

export interface Target {
  readonly kind: "at-most" | "at-least";
  readonly value: number;
}

export interface Figure {
  readonly median: number;
  readonly p25: number;
  readonly p75: number;
  readonly samples: number;
}

/** A row of the table: measured by itself, on file systems of its own. */
export interface Row {
  readonly name: string;
  readonly title: string;
  run(tools: Tools): Promise<readonly Line[]>;
}

export function figure(samples: readonly number[]): Figure {
  return {
    median: median(samples),
    p25: quantile(samples, 0.25),
    p75: quantile(samples, 0.75),
    samples: samples.length,
  };
}

export function ratioOf(line: Line): number | undefined {
  return line.baseline === undefined ? undefined : line.ours.median / line.baseline.median;
}

/** Undefined when the line has no target: it stands for comparison. */
export function isReached(line: Line): boolean | undefined {
  if (line.target === undefined) return undefined;
  const value = ratioOf(line) ?? line.ours.median;
  return line.target.kind === "at-most" ? value <= line.target.value : value >= line.target.value;
}
