import { mkdirSync, readdirSync, rmdirSync, statSync } from "node:fs";
import { dirname } from "node:path";

import { BtmError } from "../../errors.ts";
import { devicesOf } from "../../sys/zvol.ts";
import { quote, shellWord } from "../../text.ts";
import type { Blocker, CloneWishes, OpenClone, Snapshot } from "../driver.ts";
import { deviceBlockers, mountedBlockers } from "./blockers.ts";
import { type Family, familyOf, openCloneOf, timelinesOf } from "./family.ts";
import { mustBeRoot, type Work } from "./in-place.ts";
import { baseOf, PROPERTY, siblings } from "./names.ts";
import { type Place, placeOf } from "./place.ts";
import type { OpenRole } from "./roles.ts";
import type { ZfsCommand } from "./command.ts";

export async function clonesOf(zfs: ZfsCommand, place: Place): Promise<OpenClone[]> {
  const { opened } = await familyOf(zfs, place, `look for the open clones of ${quote(place.dataset)}`);
  return opened.map((one) => openCloneOf(one, pathOf(one)));
}

function pathOf({ row }: Family["opened"][number]): string | undefined {
  return row.value("type") === "volume"
    ? devicesOf((name) => name === row.name)[0]
    : placeOf(row.name).mount?.mountPoint;
}

/** Makes a clone that stands beside the volume, with none of its quotas, reservations and shares. */
export async function openClone(work: Work, snapshot: Snapshot, wishes: CloneWishes, now: Date): Promise<OpenClone> {
  const { place, zfs, lock, step } = work;
  const { at, isForCheck = false } = wishes;
  const { dataset } = place;
  const { height } = snapshot;
  const action = `open ${quote(snapshot.name)}`;
  mustBeRoot(action);
  const call = { action, lock };
  const name = siblings.open(dataset, height);
  const family = await familyOf(zfs, place, action);
  const isVolume = family.own?.value("type") === "volume";
  const there = family.opened.find(({ row }) => row.name === name);
  const path = there === undefined ? undefined : pathOf(there);
  if (there === undefined && family.rows.has(name)) throw taken(action, `a dataset ${quote(name)}`);
  // One that nothing shows, as after a reboot, is shown again to the user who opened it; what was on it stays.
  const isForThem = !isForCheck && there?.role.isForCheck !== true;
  if (there !== undefined && (isVolume || path !== undefined || at !== undefined || !isForThem)) {
    throw taken(action, `an open clone of ${String(height)}`, "btm close closes it");
  }
  const folder = isVolume ? undefined : (at ?? (await defaultFolder(zfs, place, height, action)));
  if (there === undefined) {
    if (folder !== undefined && !isFree(folder))
      throw taken(action, `something at ${quote(folder)}`, "Give another path with --at");
    const made = folder === undefined ? undefined : firstMissing(folder);
    const role: OpenRole = {
      btm: 1,
      is: "open",
      volume: baseOf(dataset),
      height: String(height),
      at: now.toISOString(),
      ...(made === undefined ? {} : { made }),
      ...(isForCheck ? { isForCheck } : {}),
    };
    const places = folder === undefined ? [] : ["-o", "canmount=noauto", "-o", `mountpoint=${folder}`];
    const args = ["clone", ...places, "-o", `${PROPERTY.role}=${JSON.stringify(role)}`, snapshot.name, name];
    await step("clone", () => zfs.change(args, call));
  }
  if (folder !== undefined) {
    // zfs mount would make it, but only of names that are text in the locale it runs in (simplify_path() of libzfs).
    mkdirSync(folder, { recursive: true });
    await step("mount", () => zfs.change(["mount", name], call));
  }
  const found = (await familyOf(zfs, place, action)).opened.find(({ row }) => row.name === name);
  if (found === undefined) throw new BtmError("SYSTEM_ERROR", `Cannot ${action}: the clone ${quote(name)} is gone`);
  return openCloneOf(found, pathOf(found));
}

/** Destroys a clone, and the folders that were made for it. */
export async function closeClone(work: Work, clone: OpenClone): Promise<void> {
  const { place, zfs, lock, step } = work;
  const action = `close the clone ${quote(clone.name)}`;
  mustBeRoot(action);
  const call = { action, lock };
  const found = (await familyOf(zfs, place, action)).opened.find(({ row }) => row.name === clone.name);
  if (found?.row.guid !== clone.uuid) {
    throw new BtmError("PLAN_CHANGED", `Cannot ${action}: it is gone, or another one by now`, {
      hint: "Run the command again",
    });
  }
  const timeline = (await timelinesOf(zfs, [clone.name], action)).get(clone.name);
  const inside = [...(timeline?.snapshots ?? []), ...(timeline?.children ?? [])];
  const blockers = [
    ...inside.map((row): Blocker => ({
      kind: "clone",
      message: `${quote(row.name)} is in it`,
      hint: `Destroy that first: zfs destroy ${shellWord(row.name)}`,
    })),
    ...(await usersOf(found)),
  ];
  if (blockers.length > 0) throw inTheWay(action, blockers);
  const { mount } = placeOf(clone.name);
  if (mount !== undefined) {
    await step("unmount clone", async () => {
      const ended = await zfs.runOther("/bin/umount", ["--", mount.mountPoint], call);
      if (ended.status !== 0) throw inTheWay(action, await usersOf(found));
    });
  }
  const folder = mount?.mountPoint ?? (await mountPointOf(zfs, clone.name, action));
  await step("destroy clone", () => zfs.change(["destroy", clone.name], call));
  if (found.role.made !== undefined) removeFolders(folder, found.role.made);
}

async function usersOf({ row }: Family["opened"][number]): Promise<Blocker[]> {
  const place = placeOf(row.name);
  if (row.value("type") !== "volume") return mountedBlockers(place, undefined);
  const devices = devicesOf((name) => name === row.name);
  return (await Promise.all(devices.map((device) => deviceBlockers(device, place.mounts)))).flat();
}

function inTheWay(action: string, blockers: readonly Blocker[]): BtmError {
  const who =
    blockers.map(({ message }) => message).join("; ") || "something that cannot be seen from here has it in use";
  return new BtmError("BLOCKED", `Cannot ${action}: ${who}`, {
    hint: blockers[0]?.hint ?? "Stop what uses it, then run the command again",
    details: { blockers },
  });
}

async function defaultFolder(zfs: ZfsCommand, place: Place, height: bigint, action: string): Promise<string> {
  const { dataset, mount } = place;
  const base = mount?.mountPoint ?? (await mountPointOf(zfs, dataset, action));
  if (base.startsWith("/") && base !== "/") return `${base}.btm/open-${String(height)}`;
  throw new BtmError("BLOCKED", `Cannot ${action}: the volume has no mount point beside which to mount the clone`, {
    hint: "Say where with --at PATH",
  });
}

/** By itself, for it may have a line break in it. */
async function mountPointOf(zfs: ZfsCommand, dataset: string, action: string): Promise<string> {
  const value = await zfs.read(["get", "-Hp", "-o", "value", "mountpoint", dataset], { action });
  return value.replace(/\n$/, "");
}

function isFree(folder: string): boolean {
  try {
    return readdirSync(folder).length === 0;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ENOENT";
  }
}

/** The first folder on the way that is not there: zfs mount makes it, and those below it. */
function firstMissing(folder: string): string | undefined {
  let missing: string | undefined;
  for (let at = folder; at !== dirname(at); at = dirname(at)) {
    if (statSync(at, { throwIfNoEntry: false }) !== undefined) break;
    missing = at;
  }
  return missing;
}

/** From the mount point up to the first that was made; what is not empty is somebody's. */
function removeFolders(mountPoint: string, made: string): void {
  for (let at = mountPoint; at === made || at.startsWith(`${made}/`); at = dirname(at)) {
    try {
      rmdirSync(at);
    } catch {
      return;
    }
  }
}

function taken(action: string, what: string, hint = "Rename or destroy it"): BtmError {
  return new BtmError("NAME_TAKEN", `Cannot ${action}: there is ${what}`, { hint });
}
