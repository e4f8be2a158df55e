import { type Algo, type Candidate, decide } from "../../src/index.ts";
import { figure, type Line, type Row } from "../lib/row.ts";
import { growthExponent } from "../lib/statistics.ts";

const SIZES = [8192, 16_384, 32_768, 65_536] as const;
const LARGEST = 65_536;
const ROUNDS = 31;
/** The first rounds are slower, until V8 has compiled the code. */
const WARM_UP = 10;
/**
 * The slope of n log n from 8,192 to 65,536 is 1.10. It is taken from the best of the rounds, which no collection of
 * garbage has disturbed: that is one of the whole heap, and falls upon the large ones. The rest is for caches that the larger ones no longer fit into; n
 * squared would be 2.
 */
const EXPONENT = 1.3;

export const retention: Row = {
  name: "retention",
  title: "Retention decision",
  run: () =>
    Promise.resolve(
      (["fair", "fade"] as const).flatMap((algo) => [
        ...lines(algo, "one over cap", (size) => size - 1),
        ...lines(algo, "down to 100", () => 100),
      ]),
    ),
};

function lines(algo: Algo, what: string, capOf: (size: number) => number): Line[] {
  const samples = new Map<number, number[]>(SIZES.map((size) => [size, []]));
  const inputs = SIZES.map((size) => [size, heights(size)] as const);
  for (let round = -WARM_UP; round < ROUNDS; round++) {
    for (const [size, snapshots] of inputs) {
      const cap = capOf(size);
      const begin = performance.now();
      const decisions = decide(algo, snapshots, { head: BigInt(size) * 20n, cap });
      const ms = performance.now() - begin;
      if (round >= 0) samples.get(size)?.push(ms);
      const kept = decisions.filter((decision) => decision.keep).length;
      if (kept !== cap) throw new Error(`${algo} keeps ${String(kept)} of ${String(size)}, not ${String(cap)}`);
    }
  }
  const points = SIZES.map((size) => [size, Math.min(...(samples.get(size) ?? []))] as const);
  return [
    {
      what: `decision for 65,536 heights, ${algo}, ${what}`,
      unit: "ms",
      ours: figure(samples.get(LARGEST) ?? []),
      target: { kind: "at-most", value: 20 },
    },
    {
      what: `its growth from 8,192 on`,
      unit: "exponent",
      ours: figure([growthExponent(points)]),
      target: { kind: "at-most", value: EXPONENT },
      note: "n log n is 1.10",
    },
  ];
}

/** Heights of a chain whose snapshots are not all at the same distance. */
function heights(size: number): Candidate[] {
  return Array.from({ length: size }, (_, i) => ({ height: BigInt(i * 10 + ((i * 7919) % 10)), pinned: false }));
}
