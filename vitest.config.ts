import { existsSync, readFileSync } from "node:fs";
import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config";

import { findLab, hasZfs } from "./tools/find-zfs.ts";

interface Tier {
  readonly name: string;
  readonly include: readonly string[];
  /** A guard against a hang, not a measure: a slow disk must not fail a test. */
  readonly timeoutMs: number;
  readonly needs: readonly { readonly what: string; readonly isThere: boolean }[];
  /** What runs it where it cannot run here. */
  readonly elsewhere?: string;
  /** All its files one after the other in one thread: in a guest of the lab each worker costs 0.4 to 0.8 s. */
  readonly isInOneThread?: boolean;
}

const root = { what: "root", isThere: process.getuid?.() === 0 };
const btrfs = { what: "Btrfs in the kernel", isThere: hasBtrfs() };
const zfs = { what: "ZFS", isThere: hasZfs() };
const lab = {
  what: "the lab (make lab): a machine that runs the tests has no power to cut",
  isThere: findLab() !== undefined,
};
const executable = { what: "build/btm (make build)", isThere: existsSync("build/btm") };

const tiers: readonly Tier[] = [
  { name: "unit", include: ["src/**/*.test.ts", "test/unit/**/*.test.ts"], timeoutMs: 10_000, needs: [] },
  // On a real Btrfs, in a loopback image each test file makes for itself.
  { name: "fs", include: ["test/fs/**/*.test.ts"], timeoutMs: 180_000, needs: [root, btrfs] },
  // The executable as users have it, and real chain nodes.
  { name: "e2e", include: ["test/e2e/**/*.test.ts"], timeoutMs: 180_000, needs: [root, btrfs, executable] },
  // Guests of the lab, whose power is cut.
  { name: "cut", include: ["test/cut/**/*.test.ts"], timeoutMs: 180_000, needs: [root, lab] },
  // On a real ZFS, in a pool in a file that each test file makes for itself.
  {
    name: "zfs",
    include: ["test/zfs/**/*.test.ts"],
    timeoutMs: 180_000,
    needs: [root, zfs],
    elsewhere: "make test-zfs",
    isInOneThread: true,
  },
];

const report = process.env["BTM_TEST_REPORT"];

export default defineConfig({
  test: {
    projects: tiers.filter(canRun).map(projectOf),
    // A flaky test is a bug, in it or in btm.
    retry: 0,
    passWithNoTests: true,
    maxWorkers: 2,
    reporters: report === undefined ? ["default"] : ["default", ["json", { outputFile: report }]],
  },
});

function canRun({ name, needs, elsewhere }: Tier): boolean {
  const missing = needs.filter((need) => !need.isThere).map((need) => need.what);
  if (missing.length === 0) return true;
  if (elsewhere !== undefined) {
    console.error(`The tier "${name}" does not run here: ${elsewhere}`);
    return false;
  }
  // In CI it runs all the same, and fails.
  if (process.env["CI"] !== undefined) return true;
  console.error(`\n*** NOT TESTED: the tier "${name}" is left out, it needs ${missing.join(" and ")} ***\n`);
  return false;
}

/** The tiers run one after the other, the quickest first. */
function projectOf(tier: Tier, place: number): TestProjectInlineConfiguration {
  const { name, include, timeoutMs, isInOneThread = false } = tier;
  return {
    test: {
      name,
      include: [...include],
      testTimeout: timeoutMs,
      // What is waited for comes when it comes; a guard as well.
      expect: { poll: { timeout: 30_000 } },
      hookTimeout: timeoutMs,
      sequence: { groupOrder: place },
      ...(isInOneThread ? { pool: "threads", isolate: false, maxWorkers: 1 } : {}),
    },
  };
}

/** Whether the kernel has Btrfs, or can load it. */
function hasBtrfs(): boolean {
  if (/\tbtrfs$/m.test(readFileSync("/proc/filesystems", "utf8"))) return true;
  const release = readFileSync("/proc/sys/kernel/osrelease", "utf8").trim();
  return existsSync(`/lib/modules/${release}/kernel/fs/btrfs`);
}
