/**
 * Reads vitest's JSON reports, the host's and one of each ZFS (tools/test-zfs.ts), and prints "PASSED FAILED". A test file
 * that broke before its first test, or in which no test ran (a tier that was left out, everything skipped), is a failure;
 * where single tests were skipped, their file is. Those of ZFS may each have run on one version only. They and the power cuts
 * may be missing where there is no lab, and CometBFT where it was not fetched.
 *
 * usage: tools/count-tests.ts REPORT [ZFS_REPORT...]
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join, relative } from "node:path";

import { hasSharedLab } from "./find-zfs.ts";

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

let passed = 0;
let failed = 0;
/** Printed last: who reads only the end of a long log must learn what to mend. */
const failures: string[] = [];
const skipped: string[] = [];

const [host = "", ...zfs] = process.argv.slice(2);
const isOnZfs = (path: string): boolean => path.startsWith("test/zfs/");
const files = testFiles();
count(
  [host],
  files.filter((path) => !isOnZfs(path)),
);
if (zfs.length > 0) count(zfs, files.filter(isOnZfs));
if (zfs.length === 0) {
  const what = "test/zfs: nothing was tested on ZFS";
  if (hasSharedLab()) fail(what);
  else skipped.push(what);
}
for (const line of skipped) console.error(`skipped  ${line}`);
for (const line of failures) console.error(`FAILED  ${line}`);
console.log(`${String(passed)} ${String(failed)}`);

/** Each file must have run in one of the reports; those in which it did not run say nothing of it. */
function count(reports: readonly string[], paths: readonly string[]): void {
  const all = reports.map((file) => {
    const { testResults } = JSON.parse(readFileSync(file, "utf8")) as Report;
    const results = new Map(testResults.map((result) => [relative(".", result.name), result]));
    return { results, where: reports.length > 1 ? ` (${basename(file, ".json")})` : "" };
  });
  for (const path of paths) {
    const runs = all.flatMap(({ results, where }) => {
      const result = results.get(path);
      return result === undefined ? [] : [{ result, where }];
    });
    if (runs.length === 0) fail(`${path}: it did not run`);
    for (const { result, where } of runs) countFile(path, result, where);
  }
}

function countFile(path: string, { status, assertionResults }: Report["testResults"][number], where: string): void {
  const ran = assertionResults.filter((test) => test.status === "passed" || test.status === "failed");
  const good = ran.filter((test) => test.status === "passed").length;
  passed += good;
  const isBroken = status === "failed" && good === ran.length;
  if (isBroken) fail(`${path}${where}: it broke outside its tests`);
  else if (ran.length === 0 && isExcused(path)) skipped.push(`${path}: none of its tests ran`);
  else if (ran.length === 0) fail(`${path}${where}: none of its tests ran`);
  for (const { status, fullName, failureMessages } of assertionResults) {
    if (status === "failed") fail(`${path}${where}: ${fullName}\n${shorten(failureMessages.join("\n"))}`);
  }
  const left = assertionResults.length - ran.length;
  if (left > 0 && ran.length > 0) skipped.push(`${path}${where}: ${String(left)} of its tests`);
}

/** What it needs may be missing: the lab, whose power is cut, and a node that is built with Go (make nodes). */
function isExcused(path: string): boolean {
  if (path.startsWith("test/cut/")) return !hasSharedLab();
  return path.endsWith("/cometbft-rollback.test.ts") && !existsSync(".cache/nodes/cometbft");
}

function fail(what: string): void {
  failed++;
  failures.push(what);
}

/** Without the lines that name the runtime's own code. */
function shorten(message: string): string {
  const lines = message.split("\n").filter((line) => !/^ +at .*(?:node:|node_modules)/.test(line));
  return lines.slice(0, 10).join("\n").slice(0, 1000);
}

function testFiles(): string[] {
  return ["src", "test"].flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".test.ts"))
      .map((path) => join(folder, path)),
  );
}
