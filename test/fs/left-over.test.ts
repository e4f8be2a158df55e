import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { Btm } from "../../src/index.ts";
import type { Operation } from "../support/fixtures/operate.ts";
import { operatorSuite } from "../support/operator-suite.ts";
import { run } from "../support/run.ts";
import { btrfsVolume } from "../support/volumes.ts";

const suite = operatorSuite();
const { operators } = suite;

interface Case {
  readonly name: string;
  readonly operation: Operation;
  readonly before?: (btm: Btm) => Promise<unknown>;
  /** After which step it is killed. */
  readonly killed: string;
  /** Below "<volume>.btm", what cannot be destroyed because a subvolume was made in it. */
  readonly folder: string;
  readonly left: string;
  readonly finished: string;
}

const cases: readonly Case[] = [
  {
    name: "an undo point",
    before: (btm) => btm.rollback(0),
    operation: { kind: "drop", number: 1 },
    killed: "after begin drop",
    folder: "undo-1/live",
    left: "Something is left of undo point 1",
    finished: "Finished dropping undo point 1",
  },
  {
    name: "what a rollback discards",
    operation: { kind: "rollback", height: 0, discardNewer: true },
    killed: "after begin drop",
    folder: "undo-1/live",
    left: "Something is left of undo point 1",
    finished: "Finished dropping undo point 1",
  },
];

/** A subvolume inside cannot go with it: BTRFS_IOC_SNAP_DESTROY answers ENOTEMPTY. */
describe.each(cases)("$name that cannot be destroyed", ({ before, operation, killed, folder, left, finished }) => {
  it("keeps no snapshot from being taken and no rollback from being done; each says so, until it can", async () => {
    const volume = await btrfsVolume(suite.image, `left-${operation.kind}`, { isMounted: false });
    const btm = new Btm({ volume: volume.volume, itv: 10 });
    volume.write("height", "0");
    await btm.snapshot(0);
    volume.write("height", "10");
    await btm.snapshot(10);
    await before?.(btm);
    const rehearsal = await operators.run({ volume: (await twin()).volume, operation });
    const killAt = rehearsal.steps.indexOf(killed);
    expect(killAt).toBeGreaterThan(0);
    expect(await operators.run({ volume: volume.volume, operation, killAt })).toMatchObject({ wasKilled: true });
    const inner = join(`${volume.volume}.btm`, folder, "inner");
    await run("btrfs", ["subvolume", "create", "--", inner]);

    const { taken, recovered } = await btm.snapshot(20);
    expect(taken).toBe(true);
    expect(recovered.join()).toContain(left);
    volume.write("height", "later");
    expect((await btm.rollback(20)).recovered.join()).toContain(left);
    expect((await btm.recover()).recovered.join()).toContain(left);
    expect((await btm.undoPoints()).map(({ number }) => number)).toEqual([2]);

    await run("btrfs", ["subvolume", "delete", "--", inner]);
    expect((await btm.recover()).recovered).toEqual([finished]);
    expect((await btm.recover()).recovered).toEqual([]);

    /** Another volume with the same history, which tells the steps. */
    async function twin(): Promise<{ readonly volume: string }> {
      const other = await btrfsVolume(suite.image, `twin-${operation.kind}`, { isMounted: false });
      const its = new Btm({ volume: other.volume, itv: 10 });
      for (const height of [0, 10]) await its.snapshot(height);
      await before?.(its);
      return other;
    }
  });
});
