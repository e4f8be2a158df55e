import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect, it } from "vitest";

import { Fixture } from "../support/fixture.ts";
import type { HolderArgument } from "../support/fixtures/holder.ts";
import { manifestOf } from "../support/manifest.ts";
import type { Traits } from "../support/volumes.ts";
import type { CurrentVolume } from "./driver-contract.ts";
import { btmOf, grow, listed } from "./helpers.ts";

export function snapshotContract(volume: CurrentVolume, { timeResolutionMs }: Traits): void {
  it("takes 0, skips 1, takes 11 with an interval of 10, and says why", async () => {
    const btm = btmOf(volume());
    expect(await btm.snapshot(0)).toMatchObject({ taken: true, height: 0n, reason: "due", last: undefined });
    expect(await btm.snapshot(1)).toMatchObject({ taken: false, height: 1n, reason: "not-due", last: 0n });
    expect(await btm.snapshot(11)).toMatchObject({ taken: true, height: 11n, reason: "due", last: 0n, pruned: [] });
    expect(await listed(btm)).toEqual([0n, 11n]);
  });

  it("takes a height once: the second time it exists, forced or not", async () => {
    const btm = btmOf(volume());
    await btm.snapshot(10);
    const [before] = await btm.list();
    expect(await btm.snapshot(10)).toMatchObject({ taken: false, reason: "exists", last: 10n });
    expect(await btm.snapshot(10, { force: true })).toMatchObject({ taken: false, reason: "exists" });
    expect((await btm.list()).map((snapshot) => snapshot.uuid)).toEqual([before?.uuid]);
  });

  it("takes a height that is not due when forced", async () => {
    const btm = btmOf(volume());
    await btm.snapshot(10);
    expect(await btm.snapshot(13, { force: true })).toMatchObject({ taken: true, reason: "forced", last: 10n });
    expect(await listed(btm)).toEqual([10n, 13n]);
  });

  it("lists ascending by height, as bigints, from 0 to 2^64 - 1", async () => {
    const btm = btmOf(volume());
    const max = 2n ** 64n - 1n;
    const heights = [9n, max, 0n, 10n, 2n ** 53n + 1n, 100n];
    for (const height of heights) await btm.snapshot(height, { force: true });
    expect(await listed(btm)).toEqual([0n, 9n, 10n, 100n, 2n ** 53n + 1n, max]);
  });

  it("lists what a snapshot is: its name, place, time of creation, mark and pin", async () => {
    const btm = btmOf(volume());
    const start = Date.now();
    await btm.snapshot(10);
    const end = Date.now();
    const [snapshot] = await btm.list();
    expect(snapshot).toMatchObject({ height: 10n, mark: { btm: 1, height: "10" }, pinned: false });
    expect(snapshot?.name).toBe(volume().snapshotName(10));
    expect(snapshot?.createdAt.getTime()).toBeGreaterThanOrEqual(start - timeResolutionMs);
    expect(snapshot?.createdAt.getTime()).toBeLessThanOrEqual(end + timeResolutionMs);
    if (snapshot?.path !== undefined) expect(existsSync(join(snapshot.path, "."))).toBe(true);
  });

  it("lists nothing where there is nothing", async () => {
    expect(await btmOf(volume()).list()).toEqual([]);
  });

  it("holds the state of the moment, whatever is written later", async () => {
    const btm = btmOf(volume());
    volume().write("state/db", "ten");
    const then = volume().live();
    await btm.snapshot(10);
    volume().write("state/db", "twenty");
    volume().write("state/log", "more");
    expect(manifestOf(volume().snapshotPath(10))).toEqual(then);
    expect(readFileSync(join(volume().snapshotPath(10), "state/db"), "utf8")).toBe("ten");
  });

  it("holds what a process wrote through a shared mapping and nobody has written out yet", async () => {
    volume().write("db", "-".repeat(8192));
    const file = join(volume().path, "db");
    const writer = new Fixture("holder", { how: "written mapping", file } satisfies HolderArgument);
    try {
      expect(await writer.next()).toBe("ready");
      await btmOf(volume()).snapshot(10);
      expect(readFileSync(join(volume().snapshotPath(10), "db"), "latin1")).toBe("mapped".padEnd(8192, "+"));
    } finally {
      await writer.stop();
    }
  });

  it("is read-only", async () => {
    volume().write("db", "ten");
    await btmOf(volume()).snapshot(10);
    const path = volume().snapshotPath(10);
    expect(() => {
      writeFileSync(join(path, "db"), "forged");
    }).toThrow("EROFS");
    expect(() => {
      writeFileSync(join(path, "new"), "forged");
    }).toThrow("EROFS");
  });

  it("leaves no trace in the live volume", async () => {
    volume().write("db", "ten");
    await btmOf(volume()).snapshot(10);
    const before = manifestOf(volume().path, { exact: true });
    await btmOf(volume()).snapshot(20);
    expect(before.join()).not.toContain("btm");
    // The root directory was touched for a moment, to seal the mark; its contents were not.
    expect(manifestOf(volume().path, { exact: true }).slice(1)).toEqual(before.slice(1));
    expect(manifestOf(volume().path)).toEqual(volume().live());
  });

  it("is seen at once by every other btm", async () => {
    const [one, other] = [btmOf(volume()), btmOf(volume())];
    await grow(one, volume(), [10, 20]);
    expect(await listed(other)).toEqual([10n, 20n]);
    await other.clean({ kept: 1 });
    expect(await listed(one)).toEqual([20n]);
    expect(await one.snapshot(11)).toMatchObject({ taken: true, last: undefined });
  });
}
