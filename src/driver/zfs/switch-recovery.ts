import { isBtmError } from "../../errors.ts";
import { escapeText, quote, shellWord } from "../../text.ts";
import { destroyWhole } from "./destroy-program.ts";
import { type Family, familyOf, timelinesOf } from "./family.ts";
import { failureOf, type Work } from "./in-place.ts";
import { forgetJournal, type Journal } from "./journal.ts";
import { mountAgain } from "./mount.ts";
import { baseOf, PROPERTY, siblings, undoNumberIn } from "./names.ts";
import { mountAt, placeOf } from "./place.ts";
import { parseSwitch, type Switch, type UndoRole } from "./roles.ts";
import type { Row } from "./rows.ts";

/** What recovery will do with a switch, in words. */
export function describeSwitch(info: Switch): string {
  return `Would first finish or undo the interrupted ${nameOf(info)}`;
}

export function nameOf({ kind, goal }: Switch): string {
  return kind === "undo" ? `undo (${goal})` : `rollback to ${goal}`;
}

/** The switch that left a volume without its name, and where its states are. */
export function switchIn({ place, rows, staged }: Family): Switch | undefined {
  for (const row of rows.values()) {
    const info = parseSwitch(row.value(PROPERTY.switch));
    if (info?.was !== row.guid) continue;
    const isHere = row.name === place.dataset || row.name === siblings.undo(place.dataset, info.number);
    if (isHere) return info;
  }
  return parseSwitch(staged?.value(PROPERTY.switch));
}

/**
 * Finishes or undoes a switch by what is on the disk: undoes it as long as the volume has its own name; after that
 * finishes it, unless a reboot has mounted what was live, for a node may run on it by now.
 *
 * @returns "finished" or "undone", and what the user should know
 */
export async function recoverSwitch(
  work: Work,
  info: Switch,
  journal: Journal | undefined,
  when: "go on" | "as it is" = "as it is",
): Promise<string[]> {
  const { place, zfs } = work;
  const { dataset } = place;
  const action = `finish the interrupted ${nameOf(info)}`;
  const family = await familyOf(zfs, place, action);
  const aside = siblings.undo(dataset, info.number);
  const isUntouched = family.own?.guid === info.was;
  const isMountedAside = family.own === undefined && placeOf(aside).mount !== undefined;
  const isLost = family.own === undefined && family.staged === undefined;
  const goesBack = isUntouched || (when === "as it is" && isMountedAside) || isLost;
  if (goesBack) return ["undone", ...(await goBack(work, family, info, journal))];
  return ["finished", ...(await goOn(work, family, info, journal))];
}

async function goBack(work: Work, family: Family, info: Switch, journal: Journal | undefined): Promise<string[]> {
  const { place, zfs, lock, step } = work;
  const { dataset } = place;
  const call = { action: `undo the interrupted ${nameOf(info)}`, lock };
  if (family.own === undefined) {
    const aside = siblings.undo(dataset, info.number);
    await step("move back", () => zfs.change([...renameOf(info), aside, dataset], call));
    await step("as it was", async () => {
      await setCanmount(work, dataset, info, call);
      if (info.limits.length > 0) await zfs.change(["set", ...info.limits, dataset], call);
      await zfs.change(["inherit", PROPERTY.role, dataset], call);
    });
  }
  const { staged } = family;
  // A clone gets its properties after it is made (zfs_ioc_clone()), so one without any may be left by a power cut.
  const mark = staged?.value(PROPERTY.switch);
  const isOurs = staged !== undefined && (mark === undefined || parseSwitch(mark)?.token === info.token);
  const warnings = isOurs ? await removeStaged(work, staged.name, call) : [];
  if (info.restores !== undefined) {
    warnings.push(...(await removeTemporary(work, siblings.undo(dataset, info.restores.number), info, call)));
  }
  warnings.push(...(await mountWhereItWas(work, info, journal, call)));
  await clear(work, [dataset], info, call);
  return warnings;
}

async function goOn(work: Work, family: Family, info: Switch, journal: Journal | undefined): Promise<string[]> {
  const { place, zfs, lock, step } = work;
  const { dataset } = place;
  const call = { action: `finish the ${nameOf(info)}`, lock };
  const aside = siblings.undo(dataset, info.number);
  const staged = siblings.staged(dataset);
  const warnings: string[] = [];
  if (family.own === undefined) {
    const role: UndoRole = {
      btm: 1,
      is: "undo",
      volume: baseOf(dataset),
      number: info.number,
      at: info.at,
      to: info.to,
    };
    // From here on a reboot does not mount it; and with the next step it mounts what takes its place, where it was.
    const set = [...(info.isVolume ? [] : ["canmount=noauto"]), "reservation=none", "refreservation=none"];
    await step("name undo point", () =>
      zfs.change(["set", ...set, `${PROPERTY.role}=${JSON.stringify(role)}`, aside], call),
    );
    if (!info.isVolume) await step("let mount", () => setCanmount(work, staged, info, call));
    await step("move in", () => zfs.change([...renameOf(info), staged, dataset], call));
  }
  // Before it is promoted: that takes the key of an encryption root out of memory, which mounting needs.
  warnings.push(...(await mountWhereItWas(work, info, journal, call)));
  const first = family.own ?? family.staged;
  for (let left = promotionsOf(family, first, info); left > 0; left--) {
    await step("promote", () => zfs.change(["promote", dataset], call));
  }
  warnings.push(...(await loadKey(work, first, call)));
  if (info.limits.length > 0) {
    const failure = await failureOf(() =>
      step("set limits", () => zfs.change(["set", ...info.limits, dataset], call).then(() => undefined)),
    );
    if (failure !== undefined) warnings.push(`${info.limits.join(" ")} could not be set on it: ${failure.message}`);
  }
  if (info.restores !== undefined) warnings.push(...(await removeRestored(work, info, call)));
  if (info.discards) warnings.push(...(await discard(work, aside, info, call)));
  // Also what could not be discarded: it would be taken for a switch under way, later.
  const [datasets, now] = [[dataset, aside], await namesOf(work, call.action)];
  await clear(
    work,
    datasets.filter((name) => now.has(name)),
    info,
    call,
  );
  return warnings;
}

async function namesOf({ place, zfs }: Work, action: string): Promise<ReadonlyMap<string, Row>> {
  return (await familyOf(zfs, place, action)).rows;
}

function renameOf({ isVolume }: Switch): string[] {
  return isVolume ? ["rename"] : ["rename", "-u"];
}

type Call = { readonly action: string; readonly lock: number };

/** As it was set, or not set: inherit -S is how that is said of a property that nothing inherits. */
async function setCanmount({ zfs }: Work, dataset: string, { canmount, isVolume }: Switch, call: Call): Promise<void> {
  if (isVolume) return;
  const args = canmount === undefined ? ["inherit", "-S", "canmount"] : ["set", `canmount=${canmount}`];
  await zfs.change([...args, dataset], call);
}

/**
 * How often it must be promoted until it hangs on nothing of ours. The first has the wanted state; each of the others held
 * some of its history. What the volume itself was cloned from stays what it is.
 */
function promotionsOf({ place, rows }: Family, first: Row | undefined, info: Switch): number {
  let count = 0;
  let origin = first?.value("origin");
  while (origin !== undefined && count <= rows.size) {
    const owner = origin.split("@")[0] ?? "";
    const isOurs = undoNumberIn(place.dataset, owner) !== undefined || rows.get(owner)?.guid === info.was;
    if (!isOurs) break;
    count++;
    origin = rows.get(owner)?.value("origin");
  }
  return count;
}

async function mountWhereItWas(
  { place, zfs, step }: Work,
  { wasMounted, isVolume }: Switch,
  journal: Journal | undefined,
  call: Call,
): Promise<string[]> {
  const { dataset } = place;
  if (journal !== undefined) {
    if (mountAt(dataset, journal.mountPoint) !== undefined) return [];
    return step("mount", () => mountAgain(zfs, dataset, journal, call));
  }
  if (!wasMounted || isVolume || placeOf(dataset).mount !== undefined) return [];
  // After a reboot only the properties tell where: others than root may have set those of ours.
  const failure = await failureOf(() =>
    step("mount", () => zfs.change(["mount", dataset], call).then(() => undefined)),
  );
  if (failure === undefined) return [];
  return [
    `${quote(dataset)} was mounted, and is not now: ${failure.message}; mount it where the node has its data: through its line of /etc/fstab, or with mount -t zfs ${shellWord(dataset)} DIRECTORY`,
  ];
}

/** A promotion moves the encryption root, and the kernel forgets the key (seen on 2.1.11 and 2.3.2). */
async function loadKey({ place, zfs, step }: Work, first: Row | undefined, call: Call): Promise<string[]> {
  if (first?.value("encryptionroot") === undefined) return [];
  const { dataset } = place;
  const { action } = call;
  const text = await zfs.read(["get", "-Hp", "-o", "value", "encryptionroot,keystatus,keylocation", dataset], {
    action,
  });
  const [root, status, location] = text.split("\n");
  if (root !== dataset || status !== "unavailable") return [];
  const failure =
    location === "prompt"
      ? new Error("it must be typed in")
      : await failureOf(() => step("load key", () => zfs.change(["load-key", dataset], call).then(() => undefined)));
  if (failure === undefined) return [];
  return [
    `before it is mounted the next time, its key must be loaded with zfs load-key ${quote(dataset)}: ${failure.message}`,
  ];
}

/** The live state that was brought back is the volume's now; what it was is a copy of it. */
async function removeRestored(work: Work, info: Switch, call: Call): Promise<string[]> {
  const { place, zfs, step } = work;
  const { restores } = info;
  if (restores === undefined) return [];
  const name = siblings.undo(place.dataset, restores.number);
  const row = (await namesOf(work, call.action)).get(name);
  if (row?.guid === restores.guid) {
    const failure = await failureOf(() =>
      step("destroy brought back", () => zfs.change(["destroy", name], call).then(() => undefined)),
    );
    if (failure !== undefined)
      return [`what is left of undo point ${String(restores.number)} could not be destroyed: ${failure.message}`];
  }
  return removeTemporary(work, place.dataset, info, call);
}

/** What somebody has made something of, or has mounted, is left to them: it is no reason to refuse what comes next. */
async function removeStaged({ zfs, step }: Work, staged: string, call: Call): Promise<string[]> {
  const failure = await failureOf(async () => {
    await step("destroy staged", () => zfs.change(["destroy", staged], call));
  });
  if (failure === undefined) return [];
  // So that no recovery takes it for what shall become live.
  await zfs.change(["inherit", PROPERTY.switch, staged], call);
  return [
    `${quote(staged)}, which was to become live, could not be destroyed: ${failure.message}; no rollback is possible until it is: zfs destroy ${shellWord(staged)}`,
  ];
}

async function removeTemporary(
  { zfs, step }: Work,
  dataset: string,
  { number }: Switch,
  call: Call,
): Promise<string[]> {
  const name = `${dataset}@${siblings.temporary(number)}`;
  const ended = await step("destroy hold", () => zfs.tryChange(["destroy", name], call));
  if (ended.status === 0 || /^could not find any snapshots to destroy|dataset does not exist/m.test(ended.stderr)) {
    return [];
  }
  return [
    `the snapshot ${quote(name)}, which is no longer needed, cannot be destroyed: ${escapeText(ended.stderr.trim())}; do it by hand: zfs destroy ${shellWord(name)}`,
  ];
}

async function discard({ place, zfs, step }: Work, aside: string, info: Switch, call: Call): Promise<string[]> {
  const failure = await failureOf(async () => {
    const look = await timelinesOf(zfs, [aside], call.action).catch((error: unknown) => {
      // Destroyed before the interruption.
      if (isBtmError(error) && error.code === "VOLUME_MISSING") return undefined;
      throw error;
    });
    const timeline = look?.get(aside);
    if (timeline?.own.guid === info.was) await step("discard", () => destroyWhole(zfs, timeline, place, call));
  });
  return failure === undefined
    ? []
    : [`undo point ${String(info.number)} is left, and could not be destroyed: ${failure.message}`];
}

async function clear({ zfs, step }: Work, datasets: readonly string[], info: Switch, call: Call): Promise<void> {
  await step("clear journal", async () => {
    // In this order: the property alone is enough to finish by.
    await zfs.change(["inherit", PROPERTY.switch, ...datasets], call);
    await forgetJournal(info.was);
  });
}
