import { readdirSync } from "node:fs";

import { BtmError } from "../../errors.ts";
import { quote } from "../../text.ts";
import { mountedBlockers } from "./blockers.ts";
import type { CallOptions, ZfsCommand } from "./command.ts";
import { explainMount } from "./failure.ts";
import type { Journal } from "./journal.ts";
import { parseRows } from "./listing.ts";
import { mountAt, type Place, placeOf } from "./place.ts";

type Call = CallOptions & { readonly lock: number };

export interface Surroundings {
  /** The names of all bookmarks of the dataset. */
  readonly bookmarks: readonly string[];
  readonly way: Journal["way"];
}

/** What a rollback must know of a dataset besides the plan, in one look. */
export async function lookAround(zfs: ZfsCommand, { dataset, mount }: Place, action: string): Promise<Surroundings> {
  const columns = "name,mountpoint,canmount";
  const args = ["list", "-Hp", "-d", "1", "-t", "filesystem,volume,bookmark", "-o", columns, dataset];
  const rows = parseRows(await zfs.read(args, { action }));
  const own = rows.find((row) => row.name === dataset);
  const isAsProperty = own?.value(1) === mount?.mountPoint && own?.value(2) !== "off";
  return {
    bookmarks: rows.map((row) => row.name).filter((name) => name.includes("#")),
    way: own?.value(1) === "legacy" ? "legacy" : isAsProperty ? "property" : "elsewhere",
  };
}

/**
 * Unmounts the volume, by a command and not a system call: it writes out what is in memory first, and on a pool whose disk
 * fails in that moment it waits inside the kernel for good, which a thread of ours must not.
 */
export async function unmountVolume(zfs: ZfsCommand, place: Place, mountPoint: string, call: Call): Promise<void> {
  const ended = await zfs.runOther("/bin/umount", ["--", mountPoint], call);
  if (ended.status === 0) return;
  // umount(8) of util-linux 2.38: "umount: /data: target is busy."
  if (!/: target is busy\.$/m.test(ended.stderr)) throw explainMount(call.action, "umount", ended);
  const users = await mountedBlockers(place, undefined);
  const who = users.length === 0 ? "something that cannot be seen from here" : users.map((u) => u.message).join("; ");
  throw new BtmError("BLOCKED", `Cannot ${call.action}: it is in use: ${who}`, {
    hint: "Stop the node, then run the command again",
    details: { blockers: users },
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
