/** What is told of a volume while a rollback of it is interrupted, and nothing has finished or undone it. */
import { chmodSync, readdirSync, rmdirSync } from "node:fs";

import { expect, it } from "vitest";

import { btm, copyExecutable } from "../support/executable.ts";
import { failureOf } from "../support/expect-code.ts";
import type { Operation } from "../support/fixtures/operate.ts";
import { makeScene } from "../support/kill-lab.ts";
import { operatorSuite } from "../support/operator-suite.ts";

const suite = operatorSuite();

const rollback: Operation = { kind: "rollback", height: 10 };

it("before the exchange there is no undo point yet, and it is said that something was interrupted", async () => {
  const { btm: library, volume } = await suite.killedAt(rollback, "before exchange", { isMounted: false });
  const { undoPoints, pending } = await library.overview();
  expect([undoPoints, pending]).toEqual([[], [expect.stringContaining("the interrupted rollback to 10")]]);
  await failureOf(library.undo(undefined, { dryRun: true }), "NO_SUCH_UNDO");
  const { stderr } = await btm(["list", "-p", volume.path]);
  expect(stderr).toContain("Something was interrupted: btm recover finishes or undoes it\n");
  expect((await library.recover()).recovered).toHaveLength(1);
  expect(await library.overview()).toMatchObject({ undoPoints: [], pending: [] });
});

it("after the exchange there is one", async () => {
  const { btm: library } = await suite.killedAt(rollback, "after exchange", { isMounted: false });
  expect(await library.overview()).toMatchObject({ undoPoints: [{ number: 1 }], pending: [expect.any(String)] });
  expect(await library.undo(undefined, { dryRun: true })).toMatchObject({ point: { number: 1 } });
});

it("a folder that holds pins is not empty, and so not removed by who cleans up", async () => {
  const { btm: library, volume } = await makeScene(suite.image, { isMounted: false });
  await library.pin(10);
  const aside = `${volume.path}.btm`;
  expect(readdirSync(aside)).toEqual(["README"]);
  expect(() => {
    rmdirSync(aside);
  }).toThrow("ENOTEMPTY");
  await library.rollback(10);
  expect((await library.list()).find(({ height }) => height === 10n)?.pinned).toBe(true);
});

it("who may not look into undo points sees the snapshots, and is told", async () => {
  const { btm: library, volume } = await makeScene(suite.image, { isMounted: false });
  await library.rollback(10);
  chmodSync(suite.image.folder, 0o755);
  const executable = await copyExecutable(suite.image.folder);
  const { status, stdout, stderr } = await btm(["list", "-p", volume.path], { uid: 65_534, executable });
  expect([status, stdout.split("\n").length > 2], stderr).toEqual([0, true]);
  expect(stderr).toContain("Whether there are undo points only root can see");
});
