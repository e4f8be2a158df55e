/** Where the tests of ZFS can run. */
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The lab that comes with a checkout, and the one that `make lab` builds. */
const SHARED_LAB = fileURLToPath(new URL("../../shared/lab", import.meta.url));
const OWN_LAB = fileURLToPath(new URL("../.cache/lab", import.meta.url));

/** Whether this machine has a ZFS that this process may make pools with. */
export function hasZfs(): boolean {
  return process.getuid?.() === 0 && existsSync("/dev/zfs") && ["zfs", "zpool"].every(isCommand);
}

/** The folder of the lab; undefined when there is none. */
export function findLab(): string | undefined {
  const named = process.env["BTM_LAB"];
  const candidates = named === undefined ? [SHARED_LAB, OWN_LAB] : [named];
  return candidates.find((lab) => existsSync(join(lab, "zfs-run")));
}

/** With it there is no excuse: in CI the tests of ZFS run. */
export function hasSharedLab(): boolean {
  return existsSync(SHARED_LAB);
}

function isCommand(name: string): boolean {
  return (process.env["PATH"] ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      // Not in this one.
      return false;
    }
  });
}
