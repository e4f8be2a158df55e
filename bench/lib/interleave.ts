/** A way of doing something, timed by itself. @returns the sample */
export type Way = (round: number) => Promise<number>;

/**
 * Does the ways one after the other, round by round, each time beginning with the next one, so that what disturbs the
 * machine disturbs all of them alike.
 */
export async function interleave<Name extends string>(
  rounds: number,
  ways: Readonly<Record<Name, Way>>,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(ways) as Name[];
  const samples = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, number[]>;
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < names.length; i++) {
      const name = names[(round + i) % names.length];
      if (name !== undefined) samples[name].push(await ways[name](round));
    }
  }
  return samples;
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
