import { isBtmError } from "../../errors.ts";
import { quote } from "../../text.ts";
import type { ZfsCommand } from "./command.ts";
import { familyOf } from "./family.ts";
import { describeRecovery } from "./in-place.ts";
import { type Journal, readJournal } from "./journal.ts";
import type { Listing } from "./listing.ts";
import { PROPERTY } from "./names.ts";
import type { Place } from "./place.ts";
import type { Switch } from "./roles.ts";
import { describeSwitch, switchIn } from "./switch-recovery.ts";

/** What was interrupted on a volume: a switch, a rollback in place, or only the end of one, which left its property. */
export type Interrupted =
  | { readonly kind: "switch"; readonly info: Switch }
  | { readonly kind: "in-place"; readonly journal: Journal }
  | { readonly kind: "done"; readonly done: string };

/**
 * @param look tells what the dataset is
 * @returns undefined when nothing was interrupted
 * @throws BtmError VOLUME_MISSING when there is no dataset of that name, and no switch has left it so
 */
export async function findInterrupted(
  zfs: ZfsCommand,
  place: Place,
  look: () => Promise<Listing>,
): Promise<Interrupted | undefined> {
  const known = await unlessMissing(look());
  const info = known === undefined ? await lostSwitch(zfs, place) : await ownSwitch(zfs, place, known);
  if (info !== undefined) return { kind: "switch", info };
  const { guid, done } = known ?? (await look());
  const journal = readJournal(guid);
  if (journal !== undefined) return { kind: "in-place", journal };
  return done?.startsWith(`${guid} `) === true ? { kind: "done", done } : undefined;
}

/** What recovery will do with it, in words; nothing for what no user has to know of. */
export function describeInterrupted(interrupted: Interrupted | undefined): string[] {
  if (interrupted?.kind === "switch") return [describeSwitch(interrupted.info)];
  return interrupted?.kind === "in-place" ? [describeRecovery(interrupted.journal)] : [];
}

/** The switch that has left the volume without its name; undefined also when its parent is not there. */
export async function lostSwitch(zfs: ZfsCommand, place: Place): Promise<Switch | undefined> {
  const family = await unlessMissing(familyOf(zfs, place, `look for ${quote(place.dataset)}`));
  return family && switchIn(family);
}

/** What is inherited is not the dataset's own. */
async function ownSwitch(zfs: ZfsCommand, place: Place, { switching }: Listing): Promise<Switch | undefined> {
  if (switching === undefined) return undefined;
  const action = `look at ${quote(place.dataset)}`;
  const source = await zfs.read(["get", "-H", "-o", "source", PROPERTY.switch, place.dataset], { action });
  return source.trim() === "local" ? switching : undefined;
}

async function unlessMissing<T>(looking: Promise<T>): Promise<T | undefined> {
  try {
    return await looking;
  } catch (error) {
    if (isBtmError(error) && error.code === "VOLUME_MISSING") return undefined;
    throw error;
  }
}
