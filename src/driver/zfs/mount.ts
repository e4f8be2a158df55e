import { readdirSync } from "node:fs";

import { BtmError } from "../../errors.ts";
import type { Mount } from "../../sys/mounts.ts";
import { quote } from "../../text.ts";
import type { Blocker, Snapshot } from "../driver.ts";
import { coverBlockers, mountedBlockers } from "./blockers.ts";
import type { CallOptions, ZfsCommand } from "./command.ts";
import { explainMount } from "./failure.ts";
import type { Journal } from "./journal.ts";
import { mountAt, type Place, placeOf } from "./place.ts";
import { list } from "./rows.ts";

type Call = CallOptions & { readonly lock: number };

export interface Surroundings {
  /** The bookmarks that are no newer than the target, and so not in its way. */
  readonly olderBookmarks: readonly string[];
  readonly way: Journal["way"];
}

/** What a rollback must know of a dataset besides the plan, in one look. */
export async function lookAround(
  zfs: ZfsCommand,
  { dataset, mount }: Place,
  target: Snapshot,
  action: string,
): Promise<Surroundings> {
  const types = "filesystem,volume,snapshot,bookmark";
  const rows = await list(zfs, { types, columns: ["createtxg", "canmount"], dataset, action });
  const own = rows.find((row) => row.name === dataset);
  const goal = rows.find((row) => row.name === target.name)?.number("createtxg") ?? 0n;
  const way = await wayOf(zfs, dataset, mount, own?.value("canmount"), action);
  const bookmarks = rows.filter((row) => row.name.includes("#") && row.number("createtxg") <= goal);
  return {
    olderBookmarks: bookmarks.map((row) => row.name),
    way,
  };
}

/** How a dataset is mounted, or would be. */
export async function wayOf(
  zfs: ZfsCommand,
  dataset: string,
  mount: Mount | undefined,
  canmount: string | undefined,
  action: string,
): Promise<Journal["way"]> {
  // By itself, for a mount point may have a line break in it.
  const value = await zfs.read(["get", "-Hp", "-o", "value", "mountpoint", dataset], { action });
  const mountpoint = value.replace(/\n$/, "");
  const isAsProperty = mountpoint === mount?.mountPoint && canmount !== "off";
  return mountpoint === "legacy" ? "legacy" : isAsProperty ? "property" : "elsewhere";
}

/**
 * Unmounts the volume, by a command and not a system call: it writes out what is in memory first, and on a pool whose disk
 * fails in that moment it waits inside the kernel for good, which a thread of ours must not.
 */
export async function unmountVolume(
  zfs: ZfsCommand,
  place: Place,
  mount: Mount,
  call: Call,
  { force = false } = {},
): Promise<void> {
  const { mountPoint } = mount;
  const covers = coverBlockers(mount);
  if (covers.length > 0) throw inTheWay(call.action, covers);
  const ended = await zfs.runOther("/bin/umount", ["--", mountPoint], call);
  if (ended.status === 0) return;
  // umount(8) of util-linux 2.38: "umount: /data: target is busy."
  if (!/: target is busy\.$/m.test(ended.stderr)) throw explainMount(call.action, "umount", ended);
  if (force) {
    // Out of the tree at once; who has it in use goes on with the state that is moved aside.
    const lazily = await zfs.runOther("/bin/umount", ["-l", "--", mountPoint], call);
    if (lazily.status === 0) return;
    throw explainMount(call.action, "umount", lazily);
  }
  throw inTheWay(call.action, await mountedBlockers(place, undefined));
}

function inTheWay(action: string, blockers: readonly Blocker[]): BtmError {
  const unseen = "something that cannot be seen from here";
  const who = blockers.length === 0 ? unseen : blockers.map((blocker) => blocker.message).join("; ");
  return new BtmError("BLOCKED", `Cannot ${action}: it is in use: ${who}`, {
    hint: "Stop what uses it, then run the command again",
    details: { blockers },
  });
}

/**
 * Mounts the volume as its journal says, with the options it had.
 *
 * @returns what the user should know
 */
export async function mountAgain(zfs: ZfsCommand, dataset: string, journal: Journal, call: Call): Promise<string[]> {
  const { mountPoint, options, way } = journal;
  const warnings = isEmpty(mountPoint)
    ? []
    : [`${quote(mountPoint)} was not empty: what was written there without the volume is hidden now`];
  // zfs mount does nothing for a dataset that is mounted anywhere else.
  if (way === "property" && placeOf(dataset).mount === undefined) await zfs.change(["mount", dataset], call);
  else {
    // zfsutil says that it is meant, to a dataset whose mount point is not legacy (mount.zfs(8)).
    const all = way === "legacy" ? options : [...options, "zfsutil"];
    const ended = await zfs.runOther("/bin/mount", ["-t", "zfs", "-o", all.join(","), "--", dataset, mountPoint], call);
    if (ended.status !== 0) throw explainMount(call.action, "mount", ended);
  }
  // What was given for that mount only, with zfs mount -o or a remount.
  const wanted = [...options].sort().join();
  if (optionsAt(dataset, mountPoint) !== wanted) {
    await zfs.runOther("/bin/mount", ["-o", `remount,${opposites(options).join(",")}`, "--", mountPoint], call);
  }
  const now = optionsAt(dataset, mountPoint);
  return now === wanted ? warnings : [...warnings, `it is mounted with ${now}, and was with ${wanted}`];
}

function optionsAt(dataset: string, mountPoint: string): string {
  return [...(mountAt(dataset, mountPoint)?.options ?? [])].sort().join();
}

/** All options said, also those that are so by default: a remount leaves alone what it is not told. */
function opposites(options: readonly string[]): string[] {
  const defaults = { noexec: "exec", nosuid: "suid", nodev: "dev", ro: "rw" };
  const missing = Object.entries(defaults).flatMap(([option, opposite]) =>
    options.includes(option) ? [] : [opposite],
  );
  return [...new Set([...options, ...missing])];
}

function isEmpty(folder: string): boolean {
  try {
    return readdirSync(folder).length === 0;
  } catch {
    // No such folder: zfs mount makes it.
    return true;
  }
}
