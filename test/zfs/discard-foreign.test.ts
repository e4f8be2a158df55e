import { expect, it } from "vitest";

import type { Blocker } from "../../src/index.ts";
import { btmOf, grow, heightsOf } from "../contract/helpers.ts";
import { failureOf } from "../support/expect-code.ts";
import { stateOf, zfs, zfsSuite } from "../support/zfs-suite.ts";

const suite = zfsSuite();

it("what is newer and not btm's own goes as well when it is told to, each is listed; what is held still stays", async () => {
  const volume = await suite.fresh();
  const btm = btmOf(volume);
  const name = (rest: string): string => `${volume.dataset}${rest}`;
  await zfs("snapshot", name("@before all"));
  await zfs("bookmark", name("@before all"), name("#older"));
  await grow(btm, volume, [0]);
  await zfs("bookmark", name("@0"), name("#target"));
  await zfs("snapshot", name("@by hand"));
  await grow(btm, volume, [10]);
  await zfs("bookmark", name("@10"), name("#newer"));
  await zfs("snapshot", name("@15"));
  // A bookmark may be all that is left of a snapshot, and newer than all snapshots.
  await zfs("snapshot", name("@sent"));
  await zfs("bookmark", name("@sent"), name("#sent"));
  await zfs("destroy", name("@sent"));
  await zfs("hold", "my backup", name("@by hand"));

  const before = stateOf(volume);
  const discardForeign = true;
  const { details } = await failureOf(btm.rollback(0, { discardNewer: true, discardForeign }), "BLOCKED");
  expect((details["blockers"] as Blocker[]).map(({ kind }) => kind)).toEqual(["hold"]);
  const plan = await btm.rollback(0, { discardNewer: true, discardForeign, dryRun: true });
  expect(heightsOf(plan.destroyed)).toEqual([10n]);
  const foreign = ["bookmark #newer", "bookmark #sent", "snapshot @15", "snapshot @by hand"];
  const discarded = plan.discarded.map((one) => `${one.kind} ${one.name.slice(volume.dataset.length)}`);
  expect(discarded.sort()).toEqual(foreign);
  expect(stateOf(volume)).toEqual(before);

  await zfs("release", "my backup", name("@by hand"));
  const done = await btm.rollback(0, { discardNewer: true, discardForeign });
  expect(done).toEqual({ ...plan, blockers: [], dryRun: false });
  const left = await zfs("list", "-H", "-o", "name", "-t", "snapshot,bookmark", "-d", "1", volume.dataset);
  expect(left.trim().split("\n").sort()).toEqual(
    [name("#older"), name("#target"), name("@0"), name("@before all")].sort(),
  );
  expect(volume.read("height")).toBe("0");
});
