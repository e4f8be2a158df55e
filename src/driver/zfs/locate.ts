import { type BigIntStats, realpathSync, statSync } from "node:fs";

import { BtmError, type BtmErrorCode } from "../../errors.ts";
import { fileSystemAt } from "../../sys/file-system.ts";
import { type Mount, readMounts } from "../../sys/mounts.ts";
import { datasetOfDevice } from "../../sys/zvol.ts";
import { quote } from "../../text.ts";
import { isPath } from "../../volume-name.ts";
import type { ZfsCommand } from "./command.ts";
import { journalAt } from "./journal.ts";
import { volumeOfSibling } from "./names.ts";

/**
 * The dataset that a volume names: by its own name; by the path where it is mounted, or was until a rollback of it was
 * interrupted; by the device of a zvol, or where the file system on it is mounted.
 *
 * @throws BtmError VOLUME_MISSING, NOT_ZFS, NOT_A_DATASET, PERMISSION_DENIED
 */
export async function datasetOf(volume: string, zfs: ZfsCommand): Promise<string> {
  if (!isPath(volume)) return volume;
  const found = await findDataset(volume, zfs);
  if (typeof found === "string") return found;
  throw found;
}

/** A switch that was interrupted between its renames leaves the volume without its name: it is told by its siblings. */
async function withoutSuffix(dataset: string, zfs: ZfsCommand): Promise<string | undefined> {
  const volume = volumeOfSibling(dataset);
  if (volume === undefined) return undefined;
  const ended = await zfs.tryChange(["list", "-H", "-o", "name", volume], { action: `look for ${quote(volume)}` });
  return ended.status === 0 ? undefined : volume;
}

/** The same for a path; the error says why it is none, NOT_A_DATASET that it has to do with ZFS all the same. */
export async function findDataset(volume: string, zfs: ZfsCommand): Promise<string | BtmError> {
  const seen = lookAt(volume);
  if (seen.dataset !== undefined) return (await withoutSuffix(seen.dataset, zfs)) ?? seen.dataset;
  if (seen.isMountPoint) return seen.refusal;
  return (await unmountedAt(volume, zfs)) ?? seen.refusal;
}

interface Seen {
  readonly dataset: string | undefined;
  /** Why it is none, where it is none. */
  readonly refusal: BtmError;
  /** Whether something is mounted exactly there. */
  readonly isMountPoint: boolean;
}

function lookAt(volume: string): Seen {
  const stats = statVolume(volume);
  if (stats instanceof BtmError) return { dataset: undefined, refusal: stats, isMountPoint: false };
  const path = realpathSync.native(volume);
  const mounts = readMounts();
  // What was mounted last covers what was mounted before.
  const mount = mounts.findLast((candidate) => candidate.mountPoint === path);
  const isMountPoint = mount !== undefined || stats.isBlockDevice();
  const refuse = (refusal: BtmError): Seen => ({ dataset: undefined, refusal, isMountPoint });
  const accept = (dataset: string | undefined): Seen => ({ dataset, refusal: notZfs(volume), isMountPoint });

  if (stats.isBlockDevice()) return accept(datasetOfDevice(path));
  if (mount !== undefined && mount.type !== "zfs") return accept(datasetOfDevice(mount.source));
  if (fileSystemAt(path) !== "zfs") return accept(undefined);
  if (mount === undefined) return refuse(inside(volume, surrounding(path, mounts)));
  if (mount.source.includes("@")) return refuse(notWhole(volume, `it is the snapshot ${quote(mount.source)}`));
  return mount.root === "/" ? accept(mount.source) : refuse(inside(volume, mount));
}

/** The dataset that a rollback of it left unmounted; or that only the properties of datasets name the path. */
async function unmountedAt(volume: string, zfs: ZfsCommand): Promise<string | BtmError | undefined> {
  const path = realPath(volume);
  const left = journalAt(path);
  if (left !== undefined) return left.dataset;
  const action = `look for the dataset of ${quote(volume)}`;
  // For the text of an error only: a mount point with a line break in it is not found, and does no harm.
  const text = await zfs.read(["list", "-Hp", "-t", "filesystem", "-o", "name,mountpoint"], { action });
  const pairs = text.split("\n").map((line) => line.split("\t"));
  const there = pairs.filter(([, mountpoint]) => mountpoint === path).map(([name = ""]) => name);
  const volumes = there.flatMap((name) => volumeOfSibling(name) ?? []);
  const lost = volumes.find((name) => !pairs.some(([other]) => other === name));
  if (lost !== undefined) return lost;
  const belong = there.filter((name) => volumeOfSibling(name) === undefined).map((name) => quote(name));
  if (belong.length === 0) return undefined;
  // Its snapshots would hold something else than what is written there now.
  const what = `nothing is mounted there, where ${belong.join(" and ")} belong${belong.length === 1 ? "s" : ""}`;
  return new BtmError("NOT_A_DATASET", `Cannot use the volume ${quote(volume)}: ${what}`, {
    hint: "Mount it with zfs mount DATASET, or give the dataset by its name",
  });
}

function realPath(volume: string): string {
  try {
    return realpathSync.native(volume);
  } catch {
    // Nothing is there: a mount point may have been removed.
    return volume;
  }
}

function notZfs(volume: string): BtmError {
  return new BtmError("NOT_ZFS", `Cannot use the volume ${quote(volume)}: it is not on ZFS`, {
    hint: "Give the name of a dataset, for example zroot/data: zfs list shows them",
  });
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

function statVolume(volume: string): BigIntStats | BtmError {
  const fail = (code: BtmErrorCode, what: string, hint: string, cause: unknown): BtmError =>
    new BtmError(code, `Cannot use the volume ${quote(volume)}: ${what}`, { hint, cause });
  try {
    return statSync(volume, { bigint: true });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "EACCES" || code === "EPERM") {
      return fail("PERMISSION_DENIED", "it may not be looked at", "Run it as root", error);
    }
    return fail("VOLUME_MISSING", "it does not exist", "Check the path; zfs list shows the datasets", error);
  }
}
