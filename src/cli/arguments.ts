/**
 * Splits "-p=/data" into "-p" and "/data", as the original's parser does; of the common parsers none does, and commander
 * would take "=/data" for the value. Long options ("--itv=4") are left to commander, which splits them itself.
 *
 * Only what stands where an option can stand is split: not the value of an option before it ("-p -x=y"), nothing after
 * "--".
 *
 * @param takesValue the options that take a value, as written: "-p", "--volume"
 * @example
 * splitShortEquals(["-p=/a=b", "-Ss=-1"], new Set(["-p", "-s"])); // ["-p", "/a=b", "-Ss", "-1"]
 */
export function splitShortEquals(args: readonly string[], takesValue: ReadonlySet<string>): string[] {
  const split: string[] = [];
  let isValue = false;
  for (const [i, arg] of args.entries()) {
    if (isValue) {
      split.push(arg);
      isValue = false;
      continue;
    }
    if (arg === "--") return [...split, ...args.slice(i)];
    const match = /^(-[A-Za-z]+)=(.*)$/s.exec(arg);
    if (match?.[1] !== undefined && match[2] !== undefined) split.push(match[1], match[2]);
    else {
      split.push(arg);
      isValue = endsInValueOption(arg, takesValue);
    }
  }
  return split;
}

/** Whether the next argument is this one's value: "--volume", "-p", or a cluster such as "-Ss". */
function endsInValueOption(arg: string, takesValue: ReadonlySet<string>): boolean {
  if (arg.startsWith("--")) return takesValue.has(arg);
  if (!/^-[A-Za-z]+$/.test(arg)) return false;
  // In "-pfoo" the first letter takes a value, which is the rest of the word.
  const letters = Array.from(arg.slice(1));
  const first = letters.findIndex((letter) => takesValue.has(`-${letter}`));
  return first === letters.length - 1;
}
