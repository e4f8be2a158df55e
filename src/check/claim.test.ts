import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { expect, it, onTestFinished } from "vitest";

import { claim, claimWithin } from "./claim.ts";

it("a claim waits for who is about to let go, as udev is, and not for ever", async () => {
  const folder = mkdtempSync(join(tmpdir(), "btm-claim-"));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  const other = claim(folder);
  expect(other).toBeDefined();
  expect(await claimWithin(folder, 10)).toBeUndefined();
  const waits = claimWithin(folder, 5000);
  await setTimeout(20);
  other?.release();
  const ours = await waits;
  expect([ours !== undefined, claim(folder)]).toEqual([true, undefined]);
  ours?.release();
});
