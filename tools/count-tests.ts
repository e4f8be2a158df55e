/**
 * Reads vitest's JSON report and prints "PASSED FAILED". A test file that broke before its first test, or in which no test
 * ran (a tier that was left out, everything skipped), is a failure; single tests that were skipped are named.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

const [file = ""] = process.argv.slice(2);
const report = JSON.parse(readFileSync(file, "utf8")) as Report;
const results = new Map(report.testResults.map((result) => [relative(".", result.name), result]));

let passed = 0;
let failed = 0;
for (const path of testFiles()) {
  const tests = results.get(path)?.assertionResults ?? [];
  const ran = tests.filter((test) => test.status === "passed" || test.status === "failed");
  const good = ran.filter((test) => test.status === "passed").length;
  passed += good;
  failed += ran.length - good;
  const isBroken = results.get(path)?.status === "failed" && good === ran.length;
  if (ran.length === 0 || isBroken) {
    failed++;
    console.error(`FAILED  ${path}: ${isBroken ? "it broke outside its tests" : "none of its tests ran"}`);
  }
  for (const test of tests) {
    if (!ran.includes(test)) console.error(`skipped  ${path}: ${test.fullName}`);
  }
}
console.log(`${String(passed)} ${String(failed)}`);

function testFiles(): string[] {
  return ["src", "test"].flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".test.ts"))
      .map((path) => join(folder, path)),
  );
}
