import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, it, onTestFinished } from "vitest";

import { Btm } from "../../../src/index.ts";
import { BtrfsImage } from "../../support/btrfs-image.ts";
import { btm, type Ran } from "../../support/executable.ts";
import { run } from "../../support/run.ts";
import { leftBeside } from "../../support/verified-volume.ts";

/** Nothing follows from them: the heights of snapshots have gaps. */
const HEIGHTS = [3, 10, 11, 40, 50, 75, 80, 1000];

let image: BtrfsImage;
let volume: string;

beforeAll(async () => {
  image = await BtrfsImage.make();
  volume = await image.makeSubvolume("block chain");
  const library = new Btm({ volume });
  for (const height of HEIGHTS) {
    writeFileSync(join(volume, "height"), String(height));
    await library.snapshot(height, { force: true, prune: false });
  }
  return () => image.dispose();
});

function bisect(options: readonly string[], script: string, ...args: readonly string[]): Promise<Ran> {
  const command = ["sh", "-c", `height=$(cat "$BTM_PATH/height"); ${script}`, "sh", ...args];
  return btm(["bisect", "-p", volume, ...options, "--", ...command], { env: { PATH: "/usr/bin:/bin" } });
}

const ends = ["--good", "3", "--bad", "1000"];

it("finds the first bad wherever it is, and leaves nothing", async () => {
  for (const [i, first] of HEIGHTS.entries()) {
    if (i === 0) continue;
    const { status, stdout } = await bisect([...ends, "--trust-ends"], 'test "$height" -lt "$1"', String(first));
    const last = `The first bad of ${volume} is ${String(first)}; ${String(HEIGHTS[i - 1])} is the last good one\n`;
    expect([status, stdout.slice(-last.length)], `first bad: ${String(first)}`).toEqual([0, last]);
  }
  expect(leftBeside(volume)).toEqual([]);
});

it("prints each step, after a look at the ends", async () => {
  const { stdout } = await bisect(ends, 'test "$height" -lt 75');
  expect(stdout.replaceAll(image.top, "$TOP")).toMatchInlineSnapshot(`
    "6 of 8 left: 3 is good
    6 of 8 left: 1000 is bad
    3 of 8 left: 40 is good
    1 of 8 left: 75 is bad
    0 of 8 left: 50 is good
    The first bad of $TOP/block chain is 75; 50 is the last good one
    "
  `);
});

it("is one document with --json", async () => {
  const { stdout, stderr } = await bisect([...ends, "--json"], 'test "$height" -lt 11');
  expect(stderr).toBe("");
  expect(
    JSON.parse(stdout.replaceAll(image.top, "$TOP").replace(/"seconds":[\d.]+/g, '"seconds":0')),
  ).toMatchSnapshot();
});

it("names all that it may be when the command cannot tell of those right below", async () => {
  const script = 'case $height in 40 | 50) exit 125 ;; esac; test "$height" -lt 50';
  const { status, stderr } = await bisect(ends, script);
  expect([status, stderr]).toEqual([
    10,
    "btm: The first bad is one of 40, 50, 75\n  hint: The command could not tell of those right below 75; 11 is good\n",
  ]);
  const { stdout } = await bisect([...ends, "--json"], script);
  expect(JSON.parse(stdout)).toMatchObject({ ok: false, result: { suspects: ["40", "50", "75"], lastGood: "11" } });
});

it.each([
  ["the good end is bad", "false", "3 is bad, expected good"],
  ["the bad end is good", "true", "1000 is good, expected bad"],
  ["an end cannot be told", "exit 125", "3 is skipped, expected good"],
])("says so when %s", async (_, script, what) => {
  const { status, stderr } = await bisect(ends, script);
  expect([status, stderr.split("\n")[0]]).toEqual([10, `btm: Cannot find the first bad: ${what}`]);
});

it.each([
  ["126", "exit 126", "it ended with status 126, and printed nothing"],
  ["127", "no-such-program", "it ended with status 127; the last that it printed: "],
  ["200", "exit 200", "it ended with status 200, and printed nothing"],
  ["a signal", "kill -9 $$", "it was ended by signal 9, and printed nothing"],
])("ends at %s, which says nothing of the snapshot", async (_, script, why) => {
  const { status, stderr } = await bisect([...ends, "--trust-ends"], script);
  expect([status, stderr]).toEqual([10, expect.stringContaining(`Cannot tell whether 40 is good: ${why}`)]);
  expect(leftBeside(volume)).toEqual([]);
});

it("ends when the command does not", async () => {
  const { status, stderr } = await bisect([...ends, "--trust-ends", "--timeout", "0.5"], "sleep 1000");
  expect([status, stderr]).toEqual([10, expect.stringContaining("it did not end within 1 s")]);
});

it("leaves out what btm did not make, unless it is an end", async () => {
  const byHand = [20, 900];
  for (const height of byHand)
    await run("btrfs", ["subvolume", "snapshot", "-r", volume, `${volume}@${String(height)}`]);
  onTestFinished(async () => {
    for (const height of byHand) await run("btrfs", ["subvolume", "delete", `${volume}@${String(height)}`]);
  });
  const { stdout, stderr } = await bisect([...ends, "--json"], 'test "$height" -lt 50');
  expect(stderr).toBe("");
  expect(JSON.parse(stdout)).toMatchObject({
    result: { firstBad: "50", lastGood: "40", warnings: ["2 between them that btm did not make are left out"] },
  });
  const named = await bisect(["--good", "20", "--bad", "900", "--trust-ends", "--json"], "true");
  expect(JSON.parse(named.stdout)).toMatchObject({ result: { firstBad: "900", lastGood: "80", warnings: [] } });
});

it("refuses ends between which there is nothing to find", async () => {
  expect((await bisect(["--good", "1000", "--bad", "3"], "true")).status).toBe(2);
  expect((await bisect(["--good", "3", "--bad", "3"], "true")).status).toBe(2);
  expect((await bisect(["--good", "3", "--bad", "999"], "true")).status).toBe(4);
  expect((await bisect(["--good", "x", "--bad", "999"], "true")).status).toBe(2);
});
