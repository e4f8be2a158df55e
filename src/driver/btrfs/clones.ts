import { join } from "node:path";

import { BtmError } from "../../errors.ts";
import { createSnapshot, destroySubvolume, subvolumeInfo } from "../../sys/btrfs.ts";
import { entriesOf, withDirectory } from "../../sys/directory.ts";
import { removeAttribute } from "../../sys/libc.ts";
import { quote } from "../../text.ts";
import type { CloneWishes, OpenClone, Recovery, Snapshot } from "../driver.ts";
import { processBlocker } from "../process-blocker.ts";
import { Aside } from "./aside.ts";
import { treeBlockers } from "./blockers.ts";
import { firstMissing, mountClone, mountsBelow, mustBeFree, removeMade, unmountClone } from "./clone-mount.ts";
import {
  beginClone,
  type CloneRecord,
  cloneRecord,
  endClone,
  removeCloneRecord,
  unfinishedClone,
  writeCloneRecord,
} from "./clone-record.ts";
import { asideName, ATTRIBUTE, openHeight, openName } from "./names.ts";
import { explain } from "./failure.ts";
import type { Place } from "./place.ts";
import { type Step, stepper } from "./step.ts";
import { subvolumeAt } from "./subvolume-at.ts";
import { inUse, usersOf } from "./users.ts";
import type { Work } from "./work.ts";

/** The open clones, ascending by height. One that was being made when its maker was killed is none yet. */
export async function findClones(place: Place): Promise<OpenClone[]> {
  const aside = await Aside.open(place.parent, place.base);
  if (aside === undefined) return [];
  try {
    const entries = await entriesOf(aside.fd, (name) => openHeight(name) !== undefined);
    const clones = entries.flatMap(({ name }) => cloneAt(place, aside, name) ?? []);
    return clones.sort((a, b) => (a.height < b.height ? -1 : 1));
  } finally {
    aside.close();
  }
}

function cloneAt(place: Place, aside: Aside, name: string): OpenClone | undefined {
  const [height, subvolume] = [openHeight(name), subvolumeAt(aside.fd, name)];
  if (height === undefined || subvolume === undefined) return undefined;
  const record = cloneRecord(aside, height);
  if (record === undefined || record.of !== subvolume.parentUuid) return undefined;
  if (unfinishedClone(aside)?.height === record.height) return undefined;
  const beside = place.parentPath === undefined ? undefined : join(place.parentPath, asideName(place.base), name);
  const path = record.mountPoint !== undefined && isShown(place, record) ? record.mountPoint : beside;
  const { isForCheck = false } = record;
  return { height, name, path, openedAt: new Date(record.at), uuid: subvolume.uuid, isForCheck };
}

function isShown(place: Place, { height, mountPoint }: CloneRecord): boolean {
  return mountsBelow(place, openName(BigInt(height))).some((mount) => mount.mountPoint === mountPoint);
}

/** The record that it is whole is written last: a clone without it is taken away by recovery. */
export async function openClone(work: Work, snapshot: Snapshot, wishes: CloneWishes): Promise<OpenClone> {
  const { place, deps } = work;
  const { at, isForCheck = false } = wishes;
  const step = stepper(deps.onStep);
  const name = openName(snapshot.height);
  const mountPoint = at ?? (place.parentPath === undefined ? join(asideName(place.path), name) : undefined);
  if (mountPoint !== undefined) await mustBeFree(mountPoint);
  const made = mountPoint === undefined ? undefined : await firstMissing(mountPoint);
  const record: CloneRecord = {
    btm: 1,
    height: String(snapshot.height),
    of: snapshot.uuid,
    at: deps.now().toISOString(),
    ...(mountPoint === undefined ? {} : { mountPoint }),
    ...(made === undefined ? {} : { made }),
    ...(isForCheck ? { isForCheck } : {}),
  };
  const aside = await Aside.make(place.parent, place.base, deps.onStep);
  try {
    if ((await entriesOf(aside.fd, (entry) => entry === name)).length > 0) throw alreadyOpen(place, snapshot);
    await step("begin clone", () => beginClone(aside, record));
    try {
      await make(place, aside, snapshot, record, step);
    } catch (error) {
      // The first failure is the one to tell; what cannot be undone now is left to the next recovery.
      await destroyClone(place, aside, record, step).catch(() => undefined);
      throw error;
    }
    await step("end clone", () => endClone(aside));
    const clone = cloneAt(place, aside, name);
    if (clone === undefined) throw new TypeError(`The clone ${name} is gone`);
    return clone;
  } finally {
    aside.close();
  }
}

async function make(place: Place, aside: Aside, snapshot: Snapshot, record: CloneRecord, step: Step): Promise<void> {
  const name = openName(snapshot.height);
  await step("clone", () =>
    withDirectory(place.parent, snapshot.name, (source) => {
      if (subvolumeInfo(source).uuid !== snapshot.uuid) {
        throw new BtmError("PLAN_CHANGED", `Cannot open ${quote(snapshot.name)}: it has been replaced`);
      }
      return createSnapshot(aside.fd, name, source, { readOnly: false });
    }),
  );
  await step("clear mark", () => withDirectory(aside.fd, name, (fd) => removeAttribute(fd, ATTRIBUTE.mark)));
  const { mountPoint } = record;
  if (mountPoint !== undefined) {
    const { id } = withDirectory(aside.fd, name, subvolumeInfo);
    await step("mount clone", () => mountClone(place, id, mountPoint));
  }
  await step("describe clone", () => writeCloneRecord(aside, record));
}

function alreadyOpen(place: Place, { height }: Snapshot): BtmError {
  return new BtmError("NAME_TAKEN", `Cannot open ${String(height)} of ${quote(place.path)}: it is open`, {
    hint: `btm close -s ${String(height)} destroys that clone; btm list says where it is`,
  });
}

/** Destroys a clone; what uses it keeps it. */
export async function closeClone({ place, deps }: Work, clone: OpenClone): Promise<void> {
  const step = stepper(deps.onStep);
  const aside = await Aside.open(place.parent, place.base);
  if (aside === undefined) return;
  try {
    const record = cloneRecord(aside, clone.height);
    if (record === undefined || subvolumeAt(aside.fd, clone.name)?.uuid !== clone.uuid) {
      throw new BtmError("PLAN_CHANGED", `Cannot close ${quote(clone.name)}: it has been replaced`);
    }
    const users = (await usersOf(place, aside.fd, clone.name)).map(processBlocker);
    const blockers = [...users, ...treeBlockers(place, clone.name, record.mountPoint)];
    if (blockers.length > 0) throw inUse(`close the clone of ${String(clone.height)}`, blockers);
    if (record.mountPoint !== undefined && isShown(place, record)) {
      const { mountPoint } = record;
      // First, so that whoever has come in meanwhile is an error and no harm.
      await step("unmount clone", () => unmountClone(mountPoint, true));
    }
    await step("begin close", () => beginClone(aside, record));
    await destroyClone(place, aside, record, step);
  } finally {
    aside.close();
  }
}

/** All of it may have been done before. */
async function destroyClone(place: Place, aside: Aside, record: CloneRecord, step: Step): Promise<void> {
  const { height, mountPoint, made } = record;
  await step("forget clone", () => removeCloneRecord(aside, height));
  if (mountPoint !== undefined) {
    if (isShown(place, record)) await step("unmount clone", () => unmountClone(mountPoint, false));
    removeMade(place, mountPoint, made);
  }
  const subvolume = subvolumeAt(aside.fd, openName(BigInt(height)));
  if (subvolume !== undefined && subvolume.parentUuid === record.of) {
    await step("destroy clone", () => destroySubvolume(aside.fd, subvolume.id));
  }
  await step("end clone", () => endClone(aside));
}

/** Takes away what {@link openClone} or {@link closeClone} did not finish; says so. */
export async function undoClones(place: Place, aside: Aside, step: Step): Promise<Recovery> {
  const record = unfinishedClone(aside);
  if (record === undefined) return { done: [], left: [] };
  try {
    await destroyClone(place, aside, record, step);
    return { done: [`Destroyed the clone of ${record.height}, which was being opened or closed`], left: [] };
  } catch (error) {
    // It takes space and does no other harm: the node's snapshots are taken all the same.
    const { message } = explain(`destroy the clone of ${record.height}`, error);
    const what = `Something is left of the clone of ${record.height}, which was being opened or closed`;
    return { done: [], left: [`${what}: ${message}`] };
  }
}
