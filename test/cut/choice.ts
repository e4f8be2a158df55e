/** Where the power is cut. */
import { createHash } from "node:crypto";

import { type Manner, type Moment, OPERATIONS } from "./events.ts";

/** From 0 to below 1, the same for the same words. */
export function chance(of: string): number {
  return createHash("sha256").update(of).digest().readUInt32LE(0) / 2 ** 32;
}

export function pick<T>(from: readonly T[], of: string): T {
  const picked = from[Math.floor(chance(of) * from.length)];
  if (picked === undefined) throw new TypeError(`There is nothing to choose for ${of}`);
  return picked;
}

/**
 * The next moment: of an operation that has not been cut yet; else at a step that was not, else before or after one where it
 * was not, else any.
 *
 * @param known what the operations have told so far: a step that nobody thought of is one like the others
 */
export function nextMoment(known: readonly Moment[], cut: readonly Moment[], of: string): Moment {
  const ordinary = unique(known.filter(({ operation }) => operation !== "recover"));
  const missing = OPERATIONS.filter((name) => ordinary.every(({ operation }) => operation !== name));
  if (missing.length > 0) throw new Error(`No step is known of ${missing.join()}`);
  const isNewBy = (same: (a: Moment, b: Moment) => boolean): Moment[] =>
    ordinary.filter((moment) => !cut.some((other) => same(moment, other)));
  const levels = [
    isNewBy((a, b) => a.operation === b.operation),
    isNewBy(isSameStep),
    isNewBy((a, b) => nameOf(a) === nameOf(b)),
    ordinary,
  ];
  const [first] = levels.filter((level) => level.length > 0);
  // The operation first: one of many steps is not to come before one of few.
  const operations = [...new Set((first ?? []).map(({ operation }) => operation))];
  const operation = pick(operations, `${of} operation`);
  return pick(
    (first ?? []).filter((moment) => moment.operation === operation),
    `${of} moment`,
  );
}

export function mannerOf(of: string): Manner {
  return pick(["at once", "written out", "written out", "later"] as const, `${of} manner`);
}

export function isSameStep(a: Moment, b: Moment): boolean {
  return a.operation === b.operation && a.step === b.step;
}

export function nameOf({ operation, when, step }: Moment): string {
  return `${operation}: ${when} ${step}`;
}

export function unique(moments: readonly Moment[]): Moment[] {
  return [...new Map(moments.map((moment) => [nameOf(moment), moment])).values()];
}
