import { randomBytes } from "node:crypto";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect, it } from "vitest";

import { type Failure, isBtmError } from "../../src/index.ts";
import { btmOf, grow, heightsOf, listed } from "../contract/helpers.ts";
import { quickRun } from "../support/quick-run.ts";
import { sleeper } from "../support/sleeper.ts";
import { undoing, zfs, zfsSuite } from "../support/zfs-suite.ts";

const suite = zfsSuite();
const undo = undoing();

/** What did not work: the heights, each with its code and reason. */
function reasonsOf(failed: readonly Failure[]): Record<string, string> {
  return Object.fromEntries(
    failed.map(({ snapshot: { height, name }, error }) => {
      const start = `Cannot destroy the snapshot "${name}": `;
      expect(error.message.slice(0, start.length)).toBe(start);
      return [String(height), `${isBtmError(error) ? error.code : ""} ${error.message.slice(start.length)}`];
    }),
  );
}

it("what is held, cloned or in use fails by its name, the rest is destroyed; later it is tried again", async () => {
  const volume = await suite.fresh();
  const snapshot = (height: number): string => `${volume.dataset}@${String(height)}`;
  writeFileSync(join(volume.path, "more than a pipe holds"), randomBytes(512 * 1024));
  await grow(btmOf(volume), volume, [0, 10, 20, 30, 40, 50]);

  const clone = `${volume.dataset}-clone`;
  await zfs("hold", "my backup", snapshot(0));
  await zfs("clone", "-o", "canmount=noauto", snapshot(10), clone);
  const sending = spawn("zfs", ["send", snapshot(20)], { stdio: ["ignore", "pipe", "ignore"] });
  const sent = once(sending, "exit");
  undo(() => {
    sending.kill();
    return sent;
  });
  await once(sending.stdout, "readable");
  const process = await sleeper({ cwd: volume.snapshotPath(30) });
  undo(() => process.end());
  const at = join(suite.pool.mounts, "a look");
  mkdirSync(at);
  await quickRun("mount", ["-t", "zfs", snapshot(40), at]);
  undo(() => quickRun("umount", [at]));

  const thinning = await btmOf(volume, { cap: 1 }).snapshot(60);
  expect(thinning).toMatchObject({ taken: true, pruned: [50n] });
  const inUse = expect.stringMatching(/^BLOCKED it is in use/) as string;
  expect(reasonsOf(thinning.failed)).toEqual({
    0: expect.stringMatching(/^BLOCKED it is held/) as string,
    10: `BLOCKED "${clone}" is a clone of it`,
    20: inUse,
    30: inUse,
    40: inUse,
  });

  await zfs("release", "my backup", snapshot(0));
  await zfs("destroy", clone);
  const { removed, failed } = await btmOf(volume).clean({ kept: 1 });
  expect(heightsOf(removed)).toEqual([0n, 10n]);
  expect(reasonsOf(failed)).toEqual({ 20: inUse, 30: inUse, 40: inUse });
  expect(await listed(btmOf(volume))).toEqual([20n, 30n, 40n, 60n]);

  await undo.all();
  expect(await btmOf(volume, { cap: 1 }).snapshot(70)).toMatchObject({ pruned: [20n, 30n, 40n, 60n], failed: [] });
});
