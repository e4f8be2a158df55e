import { randomUUID } from "node:crypto";

import { BtmError, isBtmError } from "../../errors.ts";
import { quote } from "../../text.ts";
import type { RollbackHelp, RollbackPlan } from "../driver.ts";
import { familyOf, nextNumber } from "./family.ts";
import { failureOf, mustBeRoot, type Work } from "./in-place.ts";
import type { Listing } from "./listing.ts";
import { wayOf, unmountVolume } from "./mount.ts";
import { type Journal, writeJournal } from "./journal.ts";
import { PROPERTY, siblings } from "./names.ts";
import { copied, copyGrants, limitsIn, propertiesOf } from "./properties.ts";
import type { Switch } from "./roles.ts";
import { recoverSwitch } from "./switch-recovery.ts";
import { withMounted } from "./tree.ts";

/**
 * Puts another state in the place of the live one, which is kept: a clone of what is wanted is made beside the volume and
 * completed, and then two renames exchange the datasets. Until the first of them nothing that was there has changed, and
 * destroying the clone undoes it all. Only then is it promoted: what was shared is the new one's, and what was live hangs
 * on it.
 *
 * @returns what the user should know
 */
export async function switchTo(
  work: Work,
  plan: RollbackPlan,
  { guid, origin }: Listing,
  help: RollbackHelp,
  now: Date,
): Promise<string[]> {
  const { place, zfs, lock, step } = work;
  const { dataset, mount } = place;
  const { goal } = plan;
  const name = goal.kind === "snapshot" ? String(goal.snapshot.height) : `undo point ${String(goal.point.number)}`;
  const action = goal.kind === "snapshot" ? `roll back ${quote(dataset)} to ${name}` : `bring back ${name}`;
  mustBeRoot(action);
  const call = { action, lock };
  const family = await familyOf(zfs, place, action);
  const { own } = family;
  if (own?.guid !== guid) throw replacedVolume(action, dataset);
  if (goal.kind === "undo" && family.rows.get(goal.point.place)?.guid !== goal.point.uuid) {
    throw replacedVolume(action, goal.point.place);
  }
  const properties = await propertiesOf(zfs, dataset, action);
  const isVolume = own.value("type") === "volume";
  if (isVolume && help.carry !== undefined) throw noFiles(action);
  const number = plan.undo?.number ?? nextNumber(family);
  const canmount = properties.set.get("canmount");
  const way = mount && (await wayOf(zfs, dataset, mount, canmount, action));
  const info: Switch = {
    btm: 1,
    token: randomUUID(),
    kind: goal.kind === "snapshot" ? "rollback" : "undo",
    goal: name,
    was: guid,
    number,
    at: now.toISOString(),
    to: String(goal.kind === "snapshot" ? goal.snapshot.height : (plan.undo?.to ?? goal.point.to)),
    restores: goal.kind === "undo" ? { number: goal.point.number, guid: goal.point.uuid } : undefined,
    discards: plan.undo === undefined,
    isVolume,
    wasMounted: mount !== undefined,
    canmount,
    limits: limitsIn(properties),
  };
  const journal: Journal | undefined = mount && {
    btm: 1,
    dataset,
    guid,
    height: info.to,
    mountPoint: mount.mountPoint,
    options: mount.options,
    way: way ?? "property",
    token: info.token,
  };
  const staged = siblings.staged(dataset);
  const record = `${PROPERTY.switch}=${JSON.stringify(info)}`;

  const failure = await failureOf(async () => {
    await step("write journal", async () => {
      if (journal !== undefined) await writeJournal(journal);
      await zfs.change(["set", record, dataset], call);
    });
    let source = goal.kind === "snapshot" ? goal.snapshot.name : "";
    if (goal.kind === "undo") {
      source = `${goal.point.place}@${siblings.temporary(number)}`;
      await step("hold undo point", () => zfs.change(["snapshot", source], call));
    }
    // Not mounted by a reboot, nor by zfs mount -a, as long as it is beside the volume.
    const fixed = isVolume ? [] : ["-o", "canmount=noauto"];
    await step("stage", () =>
      zfs.change(["clone", ...fixed, "-o", record, ...copied(properties), source, staged], call),
    );
    const stagedGuid = (await zfs.read(["get", "-Hp", "-o", "value", "guid", staged], { action })).trim();
    await step("name origin", () => zfs.change(["set", `${PROPERTY.origin}=${origin} ${stagedGuid}`, staged], call));
    await copyGrants(zfs, dataset, staged, call, (grant) => step("grant", grant));
    const { carry } = help;
    if (carry !== undefined) await step("carry", () => carryInto(work, staged, carry, call));
    if (mount !== undefined) {
      await step("unmount", () => unmountVolume(zfs, place, mount, call, { force: help.force }));
      // From here on nobody writes; into what was not mounted nobody has written either.
      await lookAgain(dataset, staged, isVolume ? undefined : help.verify);
    }
    // A reboot from here on mounts what was live where it was, until it is told not to: then recovery puts it back.
    const rename = isVolume ? ["rename"] : ["rename", "-u"];
    await step("move aside", () => zfs.change([...rename, dataset, siblings.undo(dataset, number)], call));
  });
  const ended: { said: readonly string[]; error?: Error } = { said: [] };
  const unfinished = await failureOf(async () => {
    ended.said = await recoverSwitch(work, info, journal, failure === undefined ? "go on" : "as it is");
  });
  if (unfinished !== undefined) throw notFinished(action, failure, unfinished);
  const [outcome, ...warnings] = ended.said;
  if (failure === undefined && outcome === "finished") return warnings;
  if (outcome === "finished") return [`it is done, although a command failed: ${failure?.message ?? ""}`, ...warnings];
  throw failure ?? new BtmError("SYSTEM_ERROR", `Cannot ${action}: it was undone`);
}

/** Whether what was carried over, or was the same, still is so. */
async function lookAgain(dataset: string, staged: string, verify: RollbackHelp["verify"]): Promise<void> {
  if (verify === undefined) return;
  await withMounted(dataset, { writable: false }, (live) =>
    withMounted(staged, { writable: false }, (folder) => verify(live, folder)),
  );
}

/** Both as folders, whether or not anybody else can see them. */
async function carryInto(
  { place, zfs }: Work,
  staged: string,
  carry: NonNullable<RollbackHelp["carry"]>,
  call: { readonly action: string; readonly lock: number },
): Promise<void> {
  await withMounted(place.dataset, { writable: false }, (live) =>
    withMounted(staged, { writable: true }, async (folder) => {
      await carry(live, folder);
      const ended = await zfs.runOther("/bin/sync", ["-f", "--", `${folder}/`], call);
      if (ended.status !== 0) throw new BtmError("SYSTEM_ERROR", `Cannot ${call.action}: sync failed: ${ended.stderr}`);
    }),
  );
}

function notFinished(action: string, failure: Error | undefined, unfinished: Error): BtmError {
  const code = isBtmError(unfinished) && unfinished.code === "TIMED_OUT" ? "TIMED_OUT" : "PARTLY_DONE";
  const first = failure === undefined ? "" : `${failure.message}; then `;
  return new BtmError(code, `${action}: ${first}something remains to be done: ${unfinished.message}`, {
    hint: "Mend what the message says, then run btm recover: it finishes or undoes this. Do not start the node before",
    cause: failure ?? unfinished,
  });
}

function replacedVolume(action: string, dataset: string): BtmError {
  return new BtmError("PLAN_CHANGED", `Cannot ${action}: ${quote(dataset)} is gone, or another one by now`, {
    hint: "Run the command again and look at the new plan",
  });
}

function noFiles(action: string): BtmError {
  return new BtmError("BLOCKED", `Cannot ${action}: files cannot be carried over on a zvol`, {
    hint: "Leave the files to preserve out, and copy them by hand",
  });
}
