import { readFileSync } from "node:fs";

import { expect, it } from "vitest";

import { btm } from "../support/executable.ts";
import { type Dataset, zfs, zfsSuite } from "../support/zfs-suite.ts";

const suite = zfsSuite();

/** The fields of a result as docs/json.md has them: the names in its row of the table, without what explains them. */
function documented(command: string): string[] {
  const page = readFileSync(new URL("../../docs/json.md", import.meta.url), "utf8");
  const shared = ["volume", "resolved", ...(command === "list" ? [] : ["recovered", "dryRun"])];
  if (command === "rollback") {
    const section = page.slice(page.indexOf("## A rollback, and its undoing"));
    return [...shared, ...[...section.matchAll(/^\| `(\w+)`/gm)].map(([, name = ""]) => name)];
  }
  const row =
    page.split("\n").find((line) => line.startsWith(`| \`${command}\` `)) ?? expect.fail(`no row of ${command}`);
  const cell = row.split("|")[2]?.replaceAll(/\([^)]*\)/g, "") ?? "";
  // What stands behind a colon explains the field before it.
  const named = cell.split(";").map((part) => part.split(":")[0] ?? "");
  return [...shared, ...[...named.join().matchAll(/`(\w+)`/g)].map(([, name = ""]) => name)];
}

/** The result in the one document on stdout; nothing may be on stderr. */
async function result(volume: Dataset, ...args: readonly string[]): Promise<Record<string, unknown>> {
  const { status, stdout, stderr } = await btm([...args, "-p", volume.path, "--json"]);
  expect([status, stderr]).toEqual([0, ""]);
  const document = JSON.parse(stdout) as { result: Record<string, unknown> };
  expect(document).toMatchObject({ btm: 1, command: args[0], ok: true });
  expect(Object.keys(document.result).sort()).toEqual(documented(args[0] ?? "").sort());
  expect(document.result).toMatchObject({ volume: volume.path, resolved: volume.dataset });
  return document.result;
}

it("every document has the fields of docs/json.md, and names the dataset of the path", async () => {
  const volume = await suite.fresh();
  expect(await result(volume, "snapshot", "-s", "0")).toMatchObject({ height: "0", taken: true, last: null });
  await volume.snapshotByHand(5);
  expect(await result(volume, "adopt", "--dry-run")).toMatchObject({ adopted: ["5"], dryRun: true });
  await result(volume, "snapshot", "-s", "10");
  const guid = (await zfs("get", "-Hp", "-o", "value", "guid", `${volume.dataset}@5`)).trim();
  expect(await result(volume, "rollback", "--discard-newer", "-s", "0", "--discard-foreign")).toMatchObject({
    asked: "0",
    choice: "exact",
    target: { name: `${volume.dataset}@0`, path: volume.snapshotPath(0), marked: true, adopted: false, pinned: false },
    newer: ["5", "10"],
    destroyed: ["10"],
    discarded: [{ kind: "snapshot", name: `${volume.dataset}@5`, uuid: guid }],
    undo: null,
    blockers: [],
    warnings: [],
    dryRun: false,
  });
  const { snapshots } = await result(volume, "list");
  expect(snapshots).toMatchObject([{ height: "0", uuid: expect.stringMatching(/^\d+$/) as string }]);
  expect(await result(volume, "clean")).toMatchObject({ removed: ["0"], kept: [], failed: [] });
});

it("an error is a document as well, with the exit status", async () => {
  const { status, stdout, stderr } = await btm([
    "rollback",
    "--discard-newer",
    "-p",
    `${suite.pool.name}/missing`,
    "--json",
  ]);
  expect([status, stderr]).toEqual([3, ""]);
  expect(JSON.parse(stdout)).toMatchObject({ btm: 1, ok: false, error: { code: "VOLUME_MISSING", exitStatus: 3 } });
});
