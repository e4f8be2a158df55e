/**
 * Reads vitest's JSON reports, the host's and one of each ZFS (tools/test-zfs.ts), and prints "PASSED FAILED". A test file
 * that broke before its first test, or in which no test ran (a tier that was left out, everything skipped), is a failure;
 * single tests that were skipped are named. The tests of ZFS and of power cuts may be missing where there is no lab.
 *
 * usage: tools/count-tests.ts REPORT [ZFS_REPORT...]
 */
import { readdirSync, readFileSync } from "node:fs";
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
  host,
  files.filter((path) => !isOnZfs(path)),
);
for (const report of zfs) count(report, files.filter(isOnZfs), ` (${basename(report, ".json")})`);
if (zfs.length === 0) {
  const isFailure = hasSharedLab();
  (isFailure ? failures : skipped).push("test/zfs: nothing was tested on ZFS");
  if (isFailure) failed++;
}
for (const line of skipped) console.error(`skipped  ${line}`);
for (const line of failures) console.error(`FAILED  ${line}`);
console.log(`${String(passed)} ${String(failed)}`);

function count(file: string, paths: readonly string[], where = ""): void {
  const report = JSON.parse(readFileSync(file, "utf8")) as Report;
  const results = new Map(report.testResults.map((result) => [relative(".", result.name), result]));
  for (const path of paths) {
    const tests = results.get(path)?.assertionResults ?? [];
    const ran = tests.filter((test) => test.status === "passed" || test.status === "failed");
    const good = ran.filter((test) => test.status === "passed").length;
    passed += good;
    failed += ran.length - good;
    const isBroken = results.get(path)?.status === "failed" && good === ran.length;
    if (ran.length === 0 && !isBroken && path.startsWith("test/cut/") && !hasSharedLab()) {
      skipped.push(`${path}: no power was cut`);
    } else if (ran.length === 0 || isBroken) {
      failed++;
      failures.push(`${path}${where}: ${isBroken ? "it broke outside its tests" : "none of its tests ran"}`);
    }
    for (const { status, fullName, failureMessages } of tests) {
      if (status === "failed") failures.push(`${path}${where}: ${fullName}\n${shorten(failureMessages.join("\n"))}`);
      else if (status !== "passed") skipped.push(`${path}${where}: ${fullName}`);
    }
  }
}

function shorten(message: string): string {
  return message.split("\n", 12).join("\n").slice(0, 1500);
}

function testFiles(): string[] {
  return ["src", "test"].flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".test.ts"))
      .map((path) => join(folder, path)),
  );
}
