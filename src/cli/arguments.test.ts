import fc from "fast-check";
import { expect, it } from "vitest";

import { splitShortEquals } from "./arguments.ts";

const takesValue = new Set(["-p", "-i", "-c", "-m", "-a", "-s", "-k", "--volume", "--itv"]);
const split = (line: readonly string[]): string[] => splitShortEquals(line, takesValue);

it.each<[readonly string[], readonly string[]]>([
  [
    ["-p=/data", "-i=4", "-c=100", "-m=btrfs", "-a=fade"],
    ["-p", "/data", "-i", "4", "-c", "100", "-m", "btrfs", "-a", "fade"],
  ],
  [["-s=-1"], ["-s", "-1"]],
  [
    ["-s", "-1"],
    ["-s", "-1"],
  ],
  [["-Ss=-1"], ["-Ss", "-1"]],
  [["-p=-dash"], ["-p", "-dash"]],
  [["-p=/a=b"], ["-p", "/a=b"]],
  [["-p="], ["-p", ""]],
  [["-i4"], ["-i4"]],
  [["--itv=4"], ["--itv=4"]],
  [["-p=/with\nnewline"], ["-p", "/with\nnewline"]],
  // The value of an option is nobody else's to split, whatever it looks like.
  [
    ["-p", "-x=y"],
    ["-p", "-x=y"],
  ],
  [
    ["--volume", "-x=y"],
    ["--volume", "-x=y"],
  ],
  [
    ["-Sp", "-x=y"],
    ["-Sp", "-x=y"],
  ],
  [
    ["-pvalue", "-i=4"],
    ["-pvalue", "-i", "4"],
  ],
  [
    ["--", "-p=/data"],
    ["--", "-p=/data"],
  ],
])("splits %j into %j", (line, expected) => {
  expect(split(line)).toEqual(expected);
});

it("gives any value back whole", () => {
  fc.assert(
    fc.property(fc.constantFrom("p", "i", "s"), fc.string({ unit: "grapheme" }), (letter, value) => {
      expect(split([`-${letter}=${value}`])).toEqual([`-${letter}`, value]);
      expect(split([`-${letter}`, value, "-c=1"])).toEqual([`-${letter}`, value, "-c", "1"]);
    }),
  );
});

it("loses and adds no word, and changes nothing that has no =", () => {
  const word = fc.oneof(fc.string(), fc.constantFrom("-p", "-S", "-Ss", "--volume", "--", "-y"));
  fc.assert(
    fc.property(fc.array(word), (line) => {
      const once = split(line);
      expect(once.join("")).toBe(line.map((arg, i) => (once.includes(arg) ? arg : removeEquals(line, i))).join(""));
      const plain = line.filter((arg) => !arg.includes("="));
      expect(split(plain)).toEqual(plain);
    }),
  );
});

function removeEquals(line: readonly string[], i: number): string {
  return (line[i] ?? "").replace("=", "");
}
