import { escapeText, quote } from "../text.ts";
import { MAX_MEMBERS } from "../use/group.ts";
import { type GroupConfig, haltsWriters, isVolumeLabel, LABEL_FORM, NO_HOOKS, type VolumeConfig } from "./config.ts";
import { readHooks } from "./config-hooks.ts";
import { type Problems, type ConfigTable, tablesOf } from "./config-table.ts";

/** The groups that volumes name, with what the tables [groups.NAME] say of them. */
export function readGroups(top: ConfigTable, volumes: readonly VolumeConfig[], problems: Problems): GroupConfig[] {
  // What a volume that could not be read would be in is not known.
  const areAllRead = Object.keys(top.tableOf("volumes")).length === volumes.length;
  const tables = new Map<string, GroupConfig["hooks"]>();
  for (const table of tablesOf(top, "groups", problems)) {
    const [, name = ""] = table.path;
    tables.set(name, readHooks(table, problems));
    table.refuseOthers(`[groups.${escapeText(name)}]`);
    if (areAllRead && !volumes.some(({ group }) => group === name)) {
      const hint = `Say group = ${quote(name)} in [volumes.NAME] of each of its volumes`;
      problems.add(table.path, `No volume is in the group ${quote(name)}`, hint);
    }
  }
  const names = new Set(volumes.flatMap(({ group }) => group ?? []));
  return [...names].map((name) => {
    const group = { name, hooks: tables.get(name) ?? NO_HOOKS };
    checkGroup(group, volumes, areAllRead, problems);
    return group;
  });
}

function checkGroup(group: GroupConfig, all: readonly VolumeConfig[], areAllRead: boolean, problems: Problems): void {
  const name = quote(group.name);
  const volumes = all.filter((volume) => volume.group === group.name);
  const [first, ...others] = volumes;
  if (first === undefined) return;
  const at = ["volumes", first.name, "group"];
  if (all.some((volume) => volume.name === group.name)) {
    problems.add(at, `Cannot use the group ${name}: a volume is called so`, "Requests tell both by their names");
  }
  if (!isVolumeLabel(group.name)) problems.add(at, `Cannot use the group ${name}: expected ${LABEL_FORM}`);
  if (areAllRead && others.length === 0) {
    problems.add(
      at,
      `Cannot use the group ${name}: ${first.name} is alone in it`,
      "Leave group out, or name the others",
    );
  }
  if (volumes.length > MAX_MEMBERS) {
    problems.add(
      at,
      `Cannot use the group ${name}: it has ${String(volumes.length)} volumes, and ${String(MAX_MEMBERS)} is the most`,
    );
  }
  for (const key of ["itv", "cap", "algo"] as const) {
    const other = others.find(({ cfg }) => cfg[key] !== first.cfg[key]);
    if (other === undefined) continue;
    const [here, there] = [other, first].map((volume) => {
      return `${String(volume.cfg[key])} in ${volume.name} (${problems.lineOf(["volumes", volume.name, key])})`;
    });
    const what = `Cannot use the group ${name}: ${key} is ${here ?? ""} and ${there ?? ""}`;
    problems.add(["volumes", other.name, key], what, "What is taken under one height is thinned alike");
  }
  const [follower, another] = volumes.filter(({ follow }) => follow !== undefined);
  if (follower !== undefined && another !== undefined) {
    const what = `Cannot use the group ${name}: both ${follower.name} and ${another.name} follow a node`;
    problems.add(["volumes", another.name, "follow"], what, "One height is of one chain: follow the node that counts");
  }
  refuseTorn(group, volumes, problems);
}

/** Of volumes whose mode is not given, the start of the daemon says the same. */
function refuseTorn(group: GroupConfig, volumes: readonly VolumeConfig[], problems: Problems): void {
  const torn = volumes.find(({ cfg }) => cfg.mode === "btrfs");
  if (torn === undefined || haltsWriters({ group, volumes })) return;
  const why = "Btrfs has no step that snapshots several subvolumes, so they would be of different moments";
  problems.add(
    ["volumes", torn.name, "group"],
    `Cannot use the group ${quote(group.name)}: ${why}`,
    `Put what belongs together into one subvolume; or give [groups.${escapeText(group.name)}] a pre_snapshot that halts what writes to them (pre_snapshot_fatal not false), and a post_snapshot that lets it go on`,
  );
}
