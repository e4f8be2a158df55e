/** What a command said of a snapshot; "skip": it cannot tell. */
export type Finding = "good" | "bad" | "skip";

/** A search for the first bad of a row, whose first is good and whose last is bad. Places are counted from 0. */
export interface Search {
  readonly good: number;
  readonly bad: number;
  /** Those that could not be told. */
  readonly skipped: ReadonlySet<number>;
}

export function startSearch(length: number): Search {
  return { good: 0, bad: length - 1, skipped: new Set() };
}

/** Those that may yet be looked at: between the last good and the first bad, and not skipped. */
export function openPlaces({ good, bad, skipped }: Search): number[] {
  const between = Array.from({ length: Math.max(0, bad - good - 1) }, (_, i) => good + 1 + i);
  return between.filter((place) => !skipped.has(place));
}

/** The one that halves what is left, or the nearest to that which was not skipped; undefined when none is left. */
export function nextPlace(search: Search): number | undefined {
  const middle = (search.good + search.bad) / 2;
  return openPlaces(search).reduce<number | undefined>((best, place) => {
    return best === undefined || Math.abs(place - middle) < Math.abs(best - middle) ? place : best;
  }, undefined);
}

export function found(search: Search, place: number, finding: Finding): Search {
  switch (finding) {
    case "good":
      return { ...search, good: place };
    case "bad":
      return { ...search, bad: place };
    case "skip":
      return { ...search, skipped: new Set([...search.skipped, place]) };
  }
}

/** Those of which one is the first bad: more than one only when some between were skipped. */
export function suspects({ good, bad }: Search): number[] {
  return Array.from({ length: bad - good }, (_, i) => good + 1 + i);
}
