import { checkCallOptions } from "../call-options.ts";
import type { BtmCfg } from "../cfg.ts";
import type { Snapshot } from "../driver/driver.ts";
import { BtmError } from "../errors.ts";
import type { Height } from "../height.ts";
import type { GroupHeight, GroupListing, GroupOptions } from "../results.ts";
import type { Session } from "../session.ts";
import { quote } from "../text.ts";
import { isOurs, type Use } from "./use.ts";

/** Volumes that are held together. */
export interface Group {
  /** What they have in common. */
  readonly cfg: Pick<BtmCfg, "itv" | "cap" | "algo">;
  readonly sessions: readonly Session[];
  /** Whether all are snapshotted in one step; else one after the other, while what writes to them is halted. */
  readonly isOneStep: boolean;
  readonly memoryIsCurrent: boolean;
}

/** Their marks are in one property, and 8,192 bytes is the most that one of ZFS holds. */
export const MAX_MEMBERS = 16;

/** The heights that all of them have, which are the group's; and what some lack of the others'. */
export async function groupHeights(members: readonly Use[], options: GroupOptions): Promise<GroupListing> {
  checkCallOptions("groupHeights", options, { writersHalted: "boolean" });
  return inGroup(members, options, async ({ sessions }) => {
    const seen: Snapshot[][] = [];
    for (const { volume } of sessions) seen.push(await volume.snapshots());
    const union = new Set(seen.flatMap((snapshots) => snapshots.filter(isOurs).map(({ height }) => height)));
    const lacking = sessions.flatMap(({ volume }, i) => {
      const own = new Set(seen[i]?.map(({ height }) => height));
      const heights = [...union].filter((height) => !own.has(height)).sort(ascending);
      return heights.length === 0 ? [] : [{ volume: volume.name, heights }];
    });
    return { heights: heightsOf(seen), lacking };
  });
}

/** Opens them all, and refuses what is no group. */
export async function inGroup<T>(
  members: readonly Use[],
  { signal, writersHalted = false }: GroupOptions,
  use: (group: Group) => Promise<T>,
): Promise<T> {
  const cfg = commonCfg(members);
  return openAll(members, signal, [], async (sessions) => {
    const capabilities = [];
    for (const member of members) capabilities.push(await member.capabilities());
    const names = sessions.map(({ volume }) => volume.name);
    const twin = names.find((name, i) => names.indexOf(name) !== i);
    if (twin !== undefined) {
      throw new BtmError("BAD_OPTION", `Cannot take ${quote(twin)} under one height with itself: it is given twice`);
    }
    const group = {
      cfg,
      sessions,
      isOneStep: capabilities.every(({ atomicGroups }) => atomicGroups),
      memoryIsCurrent: capabilities.every(({ memoryIsCurrent }) => memoryIsCurrent),
    };
    refuseApart(group, writersHalted);
    return use(group);
  });
}

/** The heights that all have, ascending. */
export function heightsOf(seen: readonly (readonly Snapshot[])[]): GroupHeight[] {
  const [first = [], ...others] = seen.map((snapshots) => {
    return new Map(snapshots.map((snapshot) => [snapshot.height, isOurs(snapshot)]));
  });
  return [...first]
    .filter(([height]) => others.every((other) => other.has(height)))
    .map(([height, isOurOwn]) => ({ height, isOurs: isOurOwn && others.every((other) => other.get(height) === true) }))
    .sort((a, b) => ascending(a.height, b.height));
}

export function namesOf({ sessions }: Pick<Group, "sessions">): string {
  return sessions.map(({ volume }) => quote(volume.name)).join(", ");
}

function commonCfg(members: readonly Use[]): BtmCfg {
  const [first, ...others] = members.map(({ cfg }) => cfg);
  if (first === undefined || members.length > MAX_MEMBERS) {
    throw new BtmError(
      "BAD_OPTION",
      `Cannot take ${String(members.length)} volumes under one height: expected 1 to ${String(MAX_MEMBERS)}`,
    );
  }
  for (const key of ["itv", "cap", "algo"] as const) {
    const other = others.find((cfg) => cfg[key] !== first[key]);
    if (other === undefined) continue;
    const what = `${key} is ${String(first[key])} of ${quote(first.volume)} and ${String(other[key])} of ${quote(other.volume)}`;
    throw new BtmError("BAD_OPTION", `Cannot take volumes under one height: ${what}`, { hint: "Give all the same" });
  }
  return first;
}

function refuseApart(group: Group, writersHalted: boolean): void {
  const { sessions, isOneStep } = group;
  if (sessions.length === 1 || (!isOneStep && writersHalted)) return;
  const cannot = `Cannot take ${namesOf(group)} under one height`;
  if (!isOneStep) {
    const why = "Btrfs has no step that snapshots several subvolumes, so they would be of different moments";
    throw new BtmError("MODE_UNAVAILABLE", `${cannot}: ${why}`, {
      hint: "Put what belongs together into one subvolume; or give the group a hook pre_snapshot that halts what writes to them, and a post_snapshot that lets it go on",
    });
  }
  const pools = [...new Set(sessions.map(({ volume }) => volume.pool ?? ""))];
  if (pools.length === 1) return;
  const why = `they are of the pools ${pools.map((pool) => quote(pool)).join(", ")}, and a transaction is of one`;
  throw new BtmError("MODE_UNAVAILABLE", `${cannot}: ${why}`, {
    hint: "Move them into one pool: zfs send, zfs receive",
  });
}

function openAll<T>(
  members: readonly Use[],
  signal: AbortSignal | undefined,
  open: readonly Session[],
  use: (sessions: readonly Session[]) => Promise<T>,
): Promise<T> {
  const [next, ...rest] = members;
  if (next === undefined) return use(open);
  return next.run(signal, (session) => openAll(rest, signal, [...open, session], use));
}

function ascending(a: Height, b: Height): number {
  return a < b ? -1 : 1;
}

/** Takes all locks that are free; in one order for all who lock several, so that no two wait for each other. */
export async function tryAll(sessions: readonly Session[]): Promise<boolean> {
  for (const { volume } of sessions.toSorted(byName)) if (!(await volume.tryLock())) return false;
  return true;
}

export async function lockAll(sessions: readonly Session[]): Promise<void> {
  for (const session of sessions.toSorted(byName)) await session.lock();
}

function byName(a: Session, b: Session): number {
  return a.volume.name < b.volume.name ? -1 : 1;
}
