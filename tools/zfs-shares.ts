/**
 * What of the tests of ZFS each version in the lab has, when they are shared out: the parts of the contract, each on one
 * version, and files of test/zfs. In brackets what that takes alone, in seconds.
 */
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

export type Share = "quick" | "once";
export type LabVersion = "21" | "23";

interface Shares {
  readonly parts: readonly string[];
  /** A choice for everyday. */
  readonly quick: readonly string[];
}

const SHARES: Readonly<Record<LabVersion, Shares>> = {
  21: {
    // (130)
    parts: [
      "snapshot and list",
      "retention",
      "snapshots without a mark",
      "records",
      "plans and consent",
      "abort and overlap",
    ],
    // names (12), kill (27), commands (15)
    quick: ["contract", "names", "kill", "commands"],
  },
  23: {
    // (120)
    parts: ["rollback", "undo points", "discarding what is newer", "open clones", "blockers"],
    // kinds (17), zvol (9), hostile (5), destroy (5), cli-json (7)
    quick: ["contract", "kinds", "zvol", "hostile", "destroy", "cli-json"],
  },
};

/** Of all files, those that 2.1 has; the others are for 2.3, which has the longer contract. */
const ONCE_ON_21: readonly string[] = [
  ...["group", "kill-switch", "kill-rollback", "kill", "switch-edges", "names", "commands", "delegation", "identity"],
  ...["failures", "unavailable", "cli", "foreign"],
];

export function partsOf(version: LabVersion): readonly string[] {
  return SHARES[version].parts;
}

/** The files that a version has, below the root of the repository. */
export function filesOf(share: Share, version: LabVersion): string[] {
  const names = share === "quick" ? SHARES[version].quick : allFiles().filter((name) => isOnce(name, version));
  return names.map((name) => `test/zfs/${name}.test.ts`);
}

function isOnce(name: string, version: LabVersion): boolean {
  return name === "contract" || ONCE_ON_21.includes(name) === (version === "21");
}

function allFiles(): string[] {
  const ending = ".test.ts";
  return readdirSync(fileURLToPath(new URL("../test/zfs", import.meta.url)))
    .filter((name) => name.endsWith(ending))
    .map((name) => name.slice(0, -ending.length));
}
