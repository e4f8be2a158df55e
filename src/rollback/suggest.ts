/** The name that was probably meant: one that has this in it, or differs in at most a third of it; undefined for none. */
export function nearestName(given: string, names: readonly string[]): string | undefined {
  const bare = (name: string): string => name.slice(0, name.lastIndexOf(".")).toLowerCase();
  const wanted = bare(given);
  const ranked = names
    .map((name) => ({ name, distance: bare(name).includes(wanted) ? 0.5 : distance(wanted, bare(name)) }))
    .filter(({ distance: far }) => far <= wanted.length / 3)
    .sort((a, b) => a.distance - b.distance || a.name.length - b.name.length);
  return ranked[0]?.name;
}

/** How many letters must be put in, left out or exchanged (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i] === b[j - 1] ? 0 : 1;
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + cost));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
