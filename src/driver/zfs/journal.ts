import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import * as v from "valibot";

import { BtmError } from "../../errors.ts";
import { quote } from "../../text.ts";
import { parseStored } from "../../stored.ts";

/**
 * The rollback under way, from before the volume is unmounted until it is mounted again, so that whoever comes next can
 * mount it. It tells root what to mount where, so only root may have written it: not a property, which zfs allow lets others
 * set, but a file below /run. That is gone after a reboot, when the system mounts what shall be mounted.
 */
export interface Journal {
  readonly btm: 1;
  readonly dataset: string;
  /** The guid of the dataset. */
  readonly guid: string;
  /** Decimal digits. */
  readonly height: string;
  readonly mountPoint: string;
  /** The options of the mount, as mountinfo has them. */
  readonly options: readonly string[];
  /**
   * How it was mounted: where its mountpoint property says, so that `zfs mount` does it; by mount(8), the property being
   * "legacy"; or by mount(8) elsewhere than the property says.
   */
  readonly way: "property" | "legacy" | "elsewhere";
  /** What the transaction of the rollback writes into {@link PROPERTY.done}. */
  readonly token: string;
}

const schema = v.object({
  btm: v.literal(1),
  dataset: v.string(),
  guid: v.string(),
  height: v.pipe(v.string(), v.regex(/^\d{1,20}$/)),
  mountPoint: v.pipe(v.string(), v.startsWith("/")),
  options: v.array(v.string()),
  way: v.picklist(["property", "legacy", "elsewhere"]),
  token: v.string(),
});

const FOLDER = "/run/btm";
const PREFIX = "rollback-";

export async function writeJournal(journal: Journal): Promise<void> {
  const file = fileOf(journal.guid);
  await mkdir(FOLDER, { recursive: true, mode: 0o755 });
  if (!isRootsOwn(FOLDER)) {
    throw new BtmError("BLOCKED", `Cannot write a journal: ${quote(FOLDER)} can be written by others than root`, {
      hint: `chown root:root ${FOLDER} and chmod 755 ${FOLDER}, after a look at what is in it`,
    });
  }
  await writeFile(`${file}.new`, JSON.stringify(journal), { mode: 0o600 });
  await rename(`${file}.new`, file);
}

/** The rollback of a dataset that was interrupted; undefined when there is none, or it is not for us to finish. */
export function readJournal(guid: string): Journal | undefined {
  const journal = parseFile(fileOf(guid));
  return journal?.guid === guid ? journal : undefined;
}

/** The same by where it was mounted. */
export function journalAt(mountPoint: string): Journal | undefined {
  let names: string[];
  try {
    names = readdirSync(FOLDER);
  } catch {
    // No folder: there was no rollback since the machine was started.
    return undefined;
  }
  const journals = names.filter((name) => name.startsWith(PREFIX)).map((name) => parseFile(join(FOLDER, name)));
  return journals.find((journal) => journal?.mountPoint === mountPoint);
}

export async function forgetJournal(guid: string): Promise<void> {
  await rm(fileOf(guid), { force: true });
}

function fileOf(guid: string): string {
  return join(FOLDER, `${PREFIX}${createHash("sha256").update(guid).digest("hex").slice(0, 32)}.json`);
}

function parseFile(file: string): Journal | undefined {
  try {
    if (!isRootsOwn(FOLDER) || !isRootsOwn(file)) return undefined;
    return parseStored(schema, readFileSync(file, "utf8"));
  } catch {
    // None, or not for us to read: then not for us to finish.
    return undefined;
  }
}

function isRootsOwn(path: string): boolean {
  const { uid, mode } = lstatSync(path);
  return uid === 0 && (mode & 0o022) === 0;
}
