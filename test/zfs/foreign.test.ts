import { join } from "node:path";

import { expect, it, vi } from "vitest";

import type { Blocker } from "../../src/index.ts";
import { btmOf, grow, heightsOf } from "../contract/helpers.ts";
import { failureOf } from "../support/expect-code.ts";
import { hasSanoid, type Kept, sanoid } from "../support/sanoid.ts";
import { type Dataset, zfs, zfsSuite } from "../support/zfs-suite.ts";

const suite = zfsSuite();

const isLeftOut = !hasSanoid() && process.env["CI"] === undefined;
if (isLeftOut) console.error("\n*** NOT TESTED: beside sanoid, which is not there: tools/fetch-sanoid.sh ***\n");

/** The names of all snapshots of a volume, without the volume's. */
async function names(volume: Dataset): Promise<string[]> {
  const text = await zfs("list", "-H", "-o", "name", "-t", "snapshot", volume.dataset);
  return text.split("\n").flatMap((line) => line.split("@")[1] ?? []);
}

const isBtms = (name: string): boolean => /^\d{1,3}$/.test(name);

it.skipIf(isLeftOut)(
  "sanoid and btm on one dataset: each takes and prunes its own, and leaves the rest alone",
  async () => {
    const volume = await suite.fresh();
    const btm = btmOf(volume, { cap: 2 });
    const run = (command: "take" | "prune", kept: Kept): Promise<void> =>
      sanoid(join(suite.pool.folder, "sanoid"), volume.dataset, kept, command);

    await grow(btm, volume, [0]);
    const byHand = ["20240501", "zfs-auto-snap_daily-2026-11-22-0517", "before the upgrade"];
    for (const name of byHand) await zfs("snapshot", `${volume.dataset}@${name}`);
    await run("take", { hourly: 2, daily: 1 });
    const others = (await names(volume)).filter((name) => !isBtms(name));
    expect(others.filter((name) => /^autosnap_.*_(hourly|daily)$/.test(name))).toHaveLength(2);

    await grow(btm, volume, [10, 20, 30]);
    expect((await names(volume)).sort()).toEqual([...others, "20", "30"].sort());
    // Keeping none, it prunes what is older than the second in which it runs.
    const newest = Math.max(
      ...(await zfs("list", "-Hp", "-o", "creation", "-t", "snapshot", volume.dataset)).split("\n").map(Number),
    );
    await vi.waitUntil(() => Math.floor(Date.now() / 1000) > newest, { timeout: 10_000 });
    await run("prune", { hourly: 0, daily: 0 });
    expect((await names(volume)).sort()).toEqual([...byHand, "20", "30"].sort());

    await run("take", { hourly: 1, daily: 0 });
    const [autosnap = ""] = (await names(volume)).filter((name) => name.startsWith("autosnap_"));
    const { message, details } = await failureOf(btm.rollback(30, { discardNewer: true }), "BLOCKED");
    expect(message).toContain(autosnap);
    expect((details["blockers"] as Blocker[]).map(({ kind }) => kind)).toEqual(["unmarked-snapshot"]);
    const { removed, kept } = await btm.clean();
    expect([heightsOf(removed), heightsOf(kept)]).toEqual([[20n, 30n], [20240501n]]);
    expect((await names(volume)).sort()).toEqual([...byHand, autosnap].sort());
  },
);
