/**
 * Runs the tests of ZFS: here when this machine has ZFS, else in the lab, on each of its two OpenZFS at once, else not at
 * all, which is said loudly.
 *
 * In the lab, where a zfs command takes 0.2 s, a whole run takes half an hour. With --once each part of the contract and
 * each other file is tested on one of the two versions; with --quick it is the contract and a choice of the other files.
 *
 * usage: tools/test-zfs.ts [--once|--quick] [--zfs 21|23] [-- VITEST_ARGUMENT...]
 *   BTM_LAB=FOLDER           the lab, when it is not where it is looked for (tools/find-zfs.ts)
 *   BTM_TEST_LONG=1          nothing is left out: it takes an hour
 *   VMTIMEOUT=SECONDS        how long a guest may take; 3600 unless given
 *   BTM_TEST_REPORT=X.json   the JSON reports go beside it: X-zfs-2.1.json, X-zfs-2.3.json or X-zfs-native.json
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { findLab, hasSharedLab, hasZfs } from "./find-zfs.ts";
import { runGuest } from "./guest.ts";
import { filesOf, type LabVersion, partsOf, type Share } from "./zfs-shares.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const LAB_VERSIONS: Readonly<Record<LabVersion, string>> = { 21: "2.1", 23: "2.3" };

const { values, positionals } = parseArgs({
  options: {
    zfs: { type: "string" },
    quick: { type: "boolean", default: false },
    once: { type: "boolean", default: false },
  },
  allowPositionals: true,
});
const share: Share | undefined = values.quick ? "quick" : values.once ? "once" : undefined;
const versions = (["21", "23"] as const).filter((version) => values.zfs === undefined || values.zfs === version);
if (versions.length === 0) {
  console.error("test-zfs: --zfs is 21 or 23");
  process.exit(2);
}

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    stop.abort(signal);
  });
}

const lab = findLab();
if (hasZfs()) {
  process.exitCode = (await natively()) ? 0 : 1;
} else if (lab !== undefined && process.getuid?.() === 0) {
  console.log(
    `== zfs: in the lab (${lab}), OpenZFS ${versions.map((key) => LAB_VERSIONS[key]).join(" and, at the same time, ")}`,
  );
  const results = await Promise.all(versions.map((version) => inLab(lab, version)));
  process.exitCode = results.every(Boolean) ? 0 : 1;
} else {
  const needs = "root, and either ZFS on this machine or the lab: make lab";
  console.error(`\n*** NOT TESTED: the tier "zfs" is left out, it needs ${needs} ***\n`);
  process.exitCode = process.env["CI"] !== undefined && hasSharedLab() ? 1 : 0;
}
if (stop.signal.aborted) process.exitCode = 130;

async function natively(): Promise<boolean> {
  const report = reportOf("native");
  const [command = "", ...args] = vitest(report);
  // The name in the configuration goes before the one on the command line.
  const env = { ...process.env, ...(report === undefined ? {} : { BTM_TEST_REPORT: report }) };
  const child = spawn(command, args, { cwd: ROOT, stdio: "inherit", env });
  stop.signal.addEventListener("abort", () => child.kill("SIGTERM"));
  await once(child, "close");
  return child.exitCode === 0;
}

/** Runs all the tests on one version; what it prints comes in one piece. */
async function inLab(lab: string, version: LabVersion): Promise<boolean> {
  const start = Date.now();
  const name = LAB_VERSIONS[version];
  const {
    status,
    output,
    collected: hasReport,
  } = await runGuest({
    lab,
    zfs: version,
    line: (folder) => {
      const env = ["env", `BTM_ZFS_FOLDER=${folder}`];
      for (const name of ["CI", "BTM_TEST_LONG"]) {
        const value = process.env[name];
        if (value !== undefined) env.push(`${name}=${value}`);
      }
      if (share !== undefined) env.push(`BTM_CONTRACT_PARTS=${partsOf(version).join()}`);
      const files = share === undefined ? [] : filesOf(share, version);
      return `cd ${quoted(ROOT)} && ${[...env, ...vitest(reportIn(folder)), ...files].map(quoted).join(" ")}`;
    },
    collect: (folder) => keepReport(reportIn(folder), name),
    signal: stop.signal,
  });
  const isGood = status === 0 && hasReport;
  const why = status === 99 ? " (no guest booted, or it ended early)" : hasReport ? "" : " (there is no report)";
  const seconds = Math.round((Date.now() - start) / 1000);
  console.log(`== zfs ${name}\n${output.trimEnd()}`);
  console.log(`== zfs ${name}: ${isGood ? "ok" : `FAILED${why}`}, ${seconds} s`);
  return isGood;
}

/** Whether there is a report; it is copied to where it was asked for. */
async function keepReport(report: string, version: string): Promise<boolean> {
  if (!existsSync(report)) return false;
  const copy = reportOf(version);
  if (copy !== undefined) await copyFile(report, copy);
  return true;
}

function vitest(report: string | undefined): string[] {
  const command = [process.execPath, join(ROOT, "node_modules/vitest/vitest.mjs"), "run", "--project=zfs"];
  if (!positionals.some((argument) => argument.startsWith("--reporter"))) command.push("--reporter=default");
  if (report !== undefined) command.push("--reporter=json", `--outputFile.json=${report}`);
  return [...command, ...positionals];
}

function reportIn(folder: string): string {
  return join(folder, "report.json");
}

function reportOf(version: string): string | undefined {
  return process.env["BTM_TEST_REPORT"]?.replace(/(\.json)?$/, `-zfs-${version}.json`);
}

/** One word of the guest's shell line. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
