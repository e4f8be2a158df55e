import { existsSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";

import { LITECOIND } from "../../tools/demo/machine.ts";
import { librariesOf } from "../support/libraries-of.ts";
import { findSystemd, GUEST_MS, inSystemd } from "../support/systemd-guest.ts";

const systemd = findSystemd();
const canRun = systemd !== undefined && existsSync(LITECOIND);
if (!canRun) {
  console.error(
    "\n*** NOT TESTED: what a freeze gives and takes, which needs the lab for a systemd, and litecoind ***\n",
  );
}
const SNAPSHOTS = process.env["BTM_TEST_LONG"] === undefined ? 15 : 100;

type Figures = Readonly<Record<"p50" | "p99" | "max", number>>;

interface Way {
  readonly held: Figures;
  readonly work: Figures;
  readonly whole: Figures;
  readonly heights: readonly number[];
  readonly warnings: readonly string[];
}

interface Found {
  readonly quiet: Readonly<Record<string, Way>> & { readonly blocksPerSecond: number };
  readonly busy: Readonly<Record<string, Way>> & { readonly blocksPerSecond: number };
  readonly disorder: Readonly<Record<string, number>>;
}

describe.skipIf(!canRun)(`a node that is frozen for ${String(SNAPSHOTS)} snapshots on Btrfs`, () => {
  let found: Found | undefined;
  beforeAll(async () => {
    const files = [LITECOIND, ...librariesOf(LITECOIND)];
    found = (await inSystemd(systemd ?? "", "frozen-time-in-systemd", files, [String(SNAPSHOTS)])) as Found;
  }, GUEST_MS);

  it.each(["quiet", "busy"] as const)("goes on working: litecoind mines, %s", (load) => {
    const { blocksPerSecond, ...ways } = found?.[load] ?? { blocksPerSecond: 0 };
    const lines = Object.entries(ways).map(([name, { held, work, whole, heights, warnings }]) =>
      [
        `${name}: held for ${inMs(held)}; the snapshot took ${inMs(work)}, all of it ${inMs(whole)};`,
        `${String(heights.length)} of ${String(SNAPSHOTS)} as asked ${warnings.join("; ")}`,
      ].join(" "),
    );
    console.info([`litecoind, ${load}: ${blocksPerSecond.toFixed(0)} blocks a second`, ...lines].join("\n"));
    expect(blocksPerSecond).toBeGreaterThan(0);
  });

  it("is in the snapshot with all that it wrote until then, in order", () => {
    console.info(`Snapshots with the later of two writes and without the earlier: ${JSON.stringify(found?.disorder)}`);
    expect(found?.disorder).toMatchObject({ freeze: 0, "freeze, written out before": 0 });
  });
});

function inMs({ p50, p99, max }: Figures): string {
  return `${String(p50)} ms p50, ${String(p99)} ms p99, ${String(max)} ms at most`;
}
