import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { withMounted } from "../../src/driver/zfs/tree.ts";
import { Btm } from "../../src/index.ts";
import { readMounts } from "../../src/sys/mounts.ts";
import { manifestOf } from "./manifest.ts";
import { run } from "./run.ts";
import type { TestVolume } from "./volumes.ts";
import type { World } from "./worlds.ts";

/** A volume on ZFS as it is, and all that is in its parent, where nothing else may be. */
export async function zfsWorldOf(volume: TestVolume, parent: string): Promise<World> {
  // A fresh one: nothing remembered.
  const btm = new Btm({ volume: volume.volume });
  const [list, points, clones] = [await btm.list(), await btm.undoPoints(), await btm.clones()];
  const snapshots: string[] = [];
  for (const { height, pinned, note, neededBy, mark, name } of list) {
    const facts = [height, mark !== undefined, pinned, note ?? "", neededBy.join(), await hash(name)];
    snapshots.push(facts.map(String).join(" "));
  }
  const undoPoints: string[] = [];
  for (const { number, from, to, place, snapshots } of points) {
    const facts: unknown[] = [number, from, to, await hash(place)];
    for (const { height, name } of snapshots) facts.push(height, await hash(name));
    undoPoints.push(facts.map(String).join(" "));
  }
  const opened: string[] = [];
  for (const { height, name } of clones) opened.push(`${String(height)} ${await hash(name)}`);
  return { live: volume.live(), snapshots, undoPoints, clones: opened, beside: await besideOf(volume, parent) };
}

function hash(name: string): Promise<string> {
  return withMounted(name, { writable: false }, (folder) =>
    Promise.resolve(manifestOf(`${folder}/.`).slice(1).join("|")),
  );
}

/** Names, holds, origins, what is set, what is granted, mounts, journals: without what differs from volume to volume. */
async function besideOf(volume: TestVolume, parent: string): Promise<string[]> {
  const columns = "name,userrefs,origin,mounted,canmount,btm:switch,btm:rollback";
  const names = await run("zfs", ["list", "-Hp", "-r", "-t", "all", "-o", columns, parent]);
  const set = ["get", "-Hp", "-r", "-t", "filesystem,volume,snapshot", "-s", "local", "-o", "name,property,value"];
  const properties = await run("zfs", [...set, "all", parent]);
  const granted = await run("zfs", ["allow", volume.volume]);
  const mounts = readMounts()
    .filter(({ source }) => source.startsWith(`${parent}/`) && !source.includes("@"))
    .map(({ source, mountPoint, options }) => [source, mountPoint, ...options].join(" "));
  const text = [
    ...names.split("\n"),
    ...properties.split("\n"),
    ...granted.split("\n"),
    ...mounts,
    ...journals(parent),
  ];
  return text.map((line) => anonymous(line.replaceAll(parent, "PARENT").replaceAll(volume.path, "MOUNT"))).sort();
}

function journals(parent: string): string[] {
  const folder = "/run/btm";
  const names = existsSync(folder) ? readdirSync(folder) : [];
  const texts = names.map((name) => readFileSync(join(folder, name), "utf8"));
  return texts.filter((text) => text.includes(`${parent}/`)).map((text) => `journal ${text}`);
}

function anonymous(line: string): string {
  return line.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME").replaceAll(/\b\d{15,20}\b/g, "GUID");
}
