/** Real nodes at work, followed by the real daemon; what comes back from each of its snapshots. docs/nodes.md has the figures. */
import { beforeAll, describe, expect, it } from "vitest";

import { BtrfsImage } from "../../support/btrfs-image.ts";
import { anvil } from "../../support/nodes/anvil.ts";
import { cometbft } from "../../support/nodes/cometbft.ts";
import { ethereumjs } from "../../support/nodes/ethereumjs.ts";
import { type Case, followUnderLoad, isInside, WANTED } from "../../support/nodes/follow-under-load.ts";
import { archivingGeth, geth } from "../../support/nodes/geth.ts";
import { hsd } from "../../support/nodes/hsd.ts";
import { litecoind } from "../../support/nodes/litecoind.ts";
import { monerod } from "../../support/nodes/monerod.ts";

let image: BtrfsImage;

beforeAll(async () => {
  image = await BtrfsImage.make({ sizeMiB: 16_000 });
  return () => image.dispose();
});

const GUARD = { timeout: 600_000 };

const inside: readonly Case[] = [
  { kind: litecoind },
  { kind: hsd },
  { kind: ethereumjs },
  { kind: monerod },
  { kind: cometbft },
];
const earlier: readonly Case[] = [
  { kind: litecoind, quiesce: "none" },
  { kind: geth },
  { kind: anvil },
  ...(process.env["BTM_TEST_LONG"] === undefined ? [] : [{ kind: archivingGeth }]),
];

const MISSING = [...inside, ...earlier].map(({ kind }) => [kind.name, kind.missing()] as const);
for (const [name, todo] of new Map(MISSING)) {
  if (todo !== undefined) console.error(`\n*** NOT TESTED: ${name} is not on this machine: ${todo} ***\n`);
}

const isHere = ({ kind }: Case): boolean => kind.missing() === undefined;
const named = (one: Case): Case & { readonly name: string } => ({ ...one, name: one.kind.name });

describe.each(inside.filter(isHere).map(named))("$name, followed under load", (one) => {
  it(`stands inside the heights of before and after, started from each of ${WANTED} hot snapshots`, GUARD, async () => {
    const { hot, stopped } = await followUnderLoad(image, one);
    const more = one.kind.mayFinishOne === true ? 1n : 0n;
    expect([...hot, ...stopped].filter((row) => !isInside(row, more))).toEqual([]);
    expect(hot.length).toBeGreaterThanOrEqual(WANTED);
  });
});

describe.each(earlier.filter(isHere).map(named))("$name, which keeps its state in memory", (one) => {
  it("comes back earlier from hot snapshots, and from a stop where it was", GUARD, async () => {
    const { quiesce, hot, stopped } = await followUnderLoad(image, one);
    expect(quiesce).toBe("none");
    expect(hot.length).toBeGreaterThanOrEqual(WANTED);
    expect(hot.some(({ restored, before }) => restored < before)).toBe(true);
    expect(hot.filter(({ restored, after }) => restored > (after ?? -1n))).toEqual([]);
    expect(stopped.filter((row) => !isInside(row))).toEqual([]);
  });
});
