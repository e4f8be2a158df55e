import { type BigIntStats, realpathSync, statSync } from "node:fs";

import { BtmError, type BtmErrorCode } from "../../errors.ts";
import { fileSystemAt } from "../../sys/file-system.ts";
import { type Mount, readMounts } from "../../sys/mounts.ts";
import { datasetOfDevice } from "../../sys/zvol.ts";
import { quote } from "../../text.ts";
import { isPath } from "../../volume-name.ts";
import type { ZfsCommand } from "./command.ts";
import { parseJournal } from "./journal.ts";
import { parseRows } from "./listing.ts";
import { PROPERTY } from "./names.ts";

/**
 * The dataset that a volume names: by its own name; by the path where it is mounted, or should be; by the device of a zvol,
 * or where the file system on it is mounted.
 *
 * @throws BtmError VOLUME_MISSING, NOT_ZFS, NOT_A_DATASET, PERMISSION_DENIED
 */
export async function datasetOf(volume: string, zfs: ZfsCommand): Promise<string> {
  if (!isPath(volume)) return volume;
  const found = datasetAt(volume) ?? (await unmountedAt(volume, zfs));
  if (found !== undefined) return found;
  statVolume(volume);
  throw new BtmError("NOT_ZFS", `Cannot use the volume ${quote(volume)}: it is not on ZFS`, {
    hint: "Give the name of a dataset, for example zroot/data: zfs list shows them",
  });
}

/**
 * The dataset that is to be seen at a path; undefined when it is none, or there is nothing.
 *
 * @throws BtmError NOT_A_DATASET
 */
export function datasetAt(volume: string): string | undefined {
  const stats = statIfAny(volume);
  if (stats === undefined) return undefined;
  const path = realpathSync.native(volume);
  if (stats.isBlockDevice()) return datasetOfDevice(path);
  const mounts = readMounts();
  // What was mounted last covers what was mounted before.
  const mount = mounts.findLast((candidate) => candidate.mountPoint === path);
  if (mount !== undefined && mount.type !== "zfs") return datasetOfDevice(mount.source);
  if (fileSystemAt(path) !== "zfs") return undefined;
  if (mount === undefined) throw inside(volume, surrounding(path, mounts));
  if (mount.source.includes("@")) throw notWhole(volume, `it is the snapshot ${quote(mount.source)}`);
  if (mount.root !== "/") throw inside(volume, mount);
  return mount.source;
}

function inside(volume: string, mount: Mount | undefined): BtmError {
  const what = `it is a directory inside the dataset ${quote(mount?.source ?? "?")}`;
  return notWhole(volume, `${what}, and only a whole dataset has snapshots`);
}

function notWhole(volume: string, what: string): BtmError {
  return new BtmError("NOT_A_DATASET", `Cannot use the volume ${quote(volume)}: ${what}`, {
    hint: "Give the dataset, or make one for the data alone: zfs create, then move the files there",
  });
}

function surrounding(path: string, mounts: readonly Mount[]): Mount | undefined {
  const around = mounts.filter(({ mountPoint }) => path.startsWith(mountPoint === "/" ? "/" : `${mountPoint}/`));
  return around.toSorted((a, b) => a.mountPoint.length - b.mountPoint.length).at(-1);
}

/** The dataset that belongs at a path and is not mounted; a rollback that was killed leaves it so. */
export async function unmountedAt(path: string, zfs: ZfsCommand): Promise<string | undefined> {
  const columns = ["name", "guid", "mountpoint", PROPERTY.journal];
  const action = `look for the dataset of ${quote(path)}`;
  const text = await zfs.read(["list", "-Hp", "-t", "filesystem", "-o", columns.join(",")], { action });
  return parseRows(text).find((row) => {
    const journal = parseJournal(row.value(3));
    return row.value(2) === path || (journal?.mountPoint === path && journal.dataset === row.value(1));
  })?.name;
}

function statIfAny(volume: string): BigIntStats | undefined {
  try {
    return statVolume(volume);
  } catch (error) {
    if (error instanceof BtmError && error.code === "VOLUME_MISSING") return undefined;
    throw error;
  }
}

function statVolume(volume: string): BigIntStats {
  const fail = (code: BtmErrorCode, what: string, hint: string, cause: unknown): BtmError =>
    new BtmError(code, `Cannot use the volume ${quote(volume)}: ${what}`, { hint, cause });
  try {
    return statSync(volume, { bigint: true });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "EACCES" || code === "EPERM") {
      throw fail("PERMISSION_DENIED", "it may not be looked at", "Run it as root", error);
    }
    throw fail("VOLUME_MISSING", "it does not exist", "Check the path; zfs list shows the datasets", error);
  }
}
