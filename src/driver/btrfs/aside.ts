import { fstatSync } from "node:fs";
import { writeFile } from "node:fs/promises";

import * as v from "valibot";

import { BtmError } from "../../errors.ts";
import { type SubvolumeInfo } from "../../sys/btrfs.ts";
import { entriesOf, withDirectory } from "../../sys/directory.ts";
import {
  close,
  getAttribute,
  isErrno,
  makeDirectoryAt,
  openDirectoryIfAny,
  removeAttribute,
  removeDirectoryAt,
  setAttribute,
} from "../../sys/libc.ts";
import { quote } from "../../text.ts";
import type { StepObserver } from "../driver.ts";
import { parseStored } from "../../stored.ts";
import { parseRecord, type SnapshotRecord } from "../../record.ts";
import { type Journal, journalOf } from "./journal.ts";
import { asideName, ATTRIBUTE, LIVE, undoName, undoNumber } from "./names.ts";
import { subvolumeAt } from "./subvolume-at.ts";

/** What an undo point says of itself. */
export interface UndoRecord {
  readonly btm: 1;
  readonly number: number;
  /** ISO 8601, UTC. */
  readonly at: string;
  /** The newest snapshot there was, decimal digits; null when there was none. */
  readonly from: string | null;
  /** The height at which the timelines part. */
  readonly to: string;
  /** The uuid of the snapshot of that height, on which it hangs; btm 0.1.0 did not write it. */
  readonly fork?: string;
  /** It is being dropped: what is left of it is not whole. */
  readonly isDropped?: boolean;
}

const digits = v.pipe(v.string(), v.regex(/^(0|[1-9]\d{0,19})$/));
const recordForm = v.object({
  btm: v.literal(1),
  number: v.number(),
  at: v.pipe(v.string(), v.isoTimestamp()),
  from: v.nullable(digits),
  to: digits,
  fork: v.exactOptional(v.string()),
  isDropped: v.exactOptional(v.boolean()),
});

const pinForm = v.object({ note: v.exactOptional(v.string()) });

/** A pin. */
export interface Pin {
  readonly note?: string;
}

const asideForm = v.object({ btm: v.literal(1), aside: v.string() });

/**
 * The directory "<volume>.btm" beside a volume: what rollbacks moved aside, the pins, and the journal. It bears our mark;
 * one without it is not ours and is never touched.
 */
export class Aside {
  readonly fd: number;

  private constructor(fd: number) {
    this.fd = fd;
  }

  /** Undefined when there is none; also when something that btm did not make has its name, which then is none of ours. */
  static async open(parent: number, base: string): Promise<Aside | undefined> {
    const fd = openDirectoryIfAny(parent, asideName(base));
    if (fd === undefined) return undefined;
    try {
      // What it says leads to snapshots being destroyed: nobody but root may have said it.
      const { uid, mode } = fstatSync(fd);
      const isRoots = uid === 0 && (mode & 0o022) === 0;
      if (isRoots && (isMarked(fd, base) || (await isAsGoodAsEmpty(fd)))) return new Aside(fd);
    } catch (error) {
      close(fd);
      throw error;
    }
    close(fd);
    return undefined;
  }

  /** Opens it, made and marked when it is not there yet. @throws BtmError NAME_TAKEN when the name is another's */
  static async make(parent: number, base: string, onStep: StepObserver): Promise<Aside> {
    const aside = (await Aside.open(parent, base)) ?? (await Aside.#create(parent, base, onStep));
    try {
      if (!isMarked(aside.fd, base)) {
        onStep("mark aside", "before");
        await setAttribute(aside.fd, ATTRIBUTE.mark, JSON.stringify({ btm: 1, aside: base }));
        onStep("mark aside", "after");
      }
      return aside;
    } catch (error) {
      aside.close();
      throw error;
    }
  }

  static async #create(parent: number, base: string, onStep: StepObserver): Promise<Aside> {
    try {
      onStep("make aside", "before");
      // Its pins are for all to see, what is in the undo points is not.
      await makeDirectoryAt(parent, asideName(base), 0o755);
      onStep("make aside", "after");
    } catch (error) {
      if (!isErrno(error, "EEXIST")) throw error;
    }
    const aside = await Aside.open(parent, base);
    if (aside === undefined) throw nameTaken(base);
    return aside;
  }

  close(): void {
    close(this.fd);
  }

  journal(): Journal | undefined {
    return journalOf(this.fd);
  }

  writeJournal(journal: Journal): Promise<void> {
    return setAttribute(this.fd, ATTRIBUTE.journal, JSON.stringify(journal));
  }

  clearJournal(): Promise<void> {
    return removeAttribute(this.fd, ATTRIBUTE.journal);
  }

  /** The numbers of its undo points, ascending. */
  async undoNumbers(): Promise<number[]> {
    const entries = await entriesOf(this.fd, (name) => undoNumber(name) !== undefined);
    return entries.flatMap(({ name }) => undoNumber(name) ?? []).sort((a, b) => a - b);
  }

  async makeUndo(number: number): Promise<void> {
    await makeDirectoryAt(this.fd, undoName(number), 0o700);
  }

  async describeUndo(record: UndoRecord): Promise<void> {
    await withDirectory(this.fd, undoName(record.number), (fd) =>
      setAttribute(fd, ATTRIBUTE.undo, JSON.stringify(record)),
    );
  }

  /** What an undo point says of itself; undefined when there is none, or it says nothing that counts. */
  record(number: number): UndoRecord | undefined {
    const fd = openDirectoryIfAny(this.fd, undoName(number));
    if (fd === undefined) return undefined;
    try {
      const record = parseStored(recordForm, getAttribute(fd, ATTRIBUTE.undo));
      return record?.number === number ? record : undefined;
    } finally {
      close(fd);
    }
  }

  /** Removes the empty directory of an undo point; nothing happens when there is none. */
  async removeUndo(number: number): Promise<void> {
    try {
      await removeDirectoryAt(this.fd, undoName(number));
    } catch (error) {
      if (!isErrno(error, "ENOENT")) throw error;
    }
  }

  /** The subvolume inside an undo point; undefined when there is none. */
  live(number: number): SubvolumeInfo | undefined {
    return subvolumeAt(this.fd, `${undoName(number)}/${LIVE}`);
  }

  /** What it keeps in attributes nobody sees: an empty folder would be removed by whoever cleans up. */
  async #makeReadme(): Promise<void> {
    try {
      await writeFile(`/proc/self/fd/${String(this.fd)}/${README_NAME}`, README, { flag: "wx", mode: 0o644 });
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
  }

  /** What was learnt of a snapshot since it was taken. */
  learnt(uuid: string): SnapshotRecord | undefined {
    return parseRecord(getAttribute(this.fd, `${ATTRIBUTE.recordPrefix}${uuid}`));
  }

  async setLearnt(uuid: string, record: SnapshotRecord): Promise<void> {
    await this.#makeReadme();
    await setAttribute(this.fd, `${ATTRIBUTE.recordPrefix}${uuid}`, JSON.stringify(record));
  }

  /** One that is left by a kill says nothing of any other snapshot. */
  async forgetLearnt(uuid: string): Promise<void> {
    const name = `${ATTRIBUTE.recordPrefix}${uuid}`;
    if (getAttribute(this.fd, name) !== undefined) await removeAttribute(this.fd, name);
  }

  /** The pin of a snapshot; undefined when it has none. */
  pin(height: bigint, uuid: string): Pin | undefined {
    const pin = parseStored(pinForm, getAttribute(this.fd, `${ATTRIBUTE.pinPrefix}${uuid}`));
    if (pin !== undefined) return pin;
    return getAttribute(this.fd, formerPin(height)) === uuid ? {} : undefined;
  }

  async setPin(uuid: string, pin: Pin): Promise<void> {
    await this.#makeReadme();
    await setAttribute(this.fd, `${ATTRIBUTE.pinPrefix}${uuid}`, JSON.stringify(pin));
  }

  async removePin(height: bigint, uuid: string): Promise<void> {
    await removeAttribute(this.fd, `${ATTRIBUTE.pinPrefix}${uuid}`);
    if (getAttribute(this.fd, formerPin(height)) === uuid) await removeAttribute(this.fd, formerPin(height));
  }
}

const README_NAME = "README";
const README = `The extended attributes of this directory are btm's: what is pinned, and what was verified of the snapshots beside it.
Removed, the pins are gone, and what was pinned may be thinned out. btm list shows them; btm unpin takes one away.
`;

/** Pins of btm 0.1.0 are by height, with the uuid as their value. */
function formerPin(height: bigint): string {
  return `${ATTRIBUTE.pinPrefix}${String(height)}`;
}

function isMarked(fd: number, base: string): boolean {
  return markOf(fd)?.aside === base;
}

function markOf(fd: number): v.InferOutput<typeof asideForm> | undefined {
  return parseStored(asideForm, getAttribute(fd, ATTRIBUTE.mark));
}

/** Made by us and interrupted before the mark, renamed with its volume, or as good as that. */
async function isAsGoodAsEmpty(fd: number): Promise<boolean> {
  const entries = await entriesOf(fd, () => true);
  return entries.length === 0 || (markOf(fd) !== undefined && entries.every(({ name }) => name === README_NAME));
}

/** Why {@link Aside.make} would fail: the name is there, and not ours. */
export function nameTaken(base: string): BtmError {
  return new BtmError(
    "NAME_TAKEN",
    `Cannot use ${quote(asideName(base))} beside the volume: something that btm did not make has that name`,
    { hint: "Rename it: btm keeps there what a rollback moves aside" },
  );
}
