import * as v from "valibot";

import { BtmError } from "../../errors.ts";
import { subvolumeInfo, type SubvolumeInfo } from "../../sys/btrfs.ts";
import { entriesOf, withDirectory } from "../../sys/directory.ts";
import {
  close,
  getAttribute,
  isErrno,
  listAttributes,
  makeDirectoryAt,
  openDirectoryIfAny,
  removeAttribute,
  removeDirectoryAt,
  setAttribute,
} from "../../sys/libc.ts";
import { quote } from "../../text.ts";
import type { StepObserver } from "../driver.ts";
import { parseStored } from "../mark.ts";
import { asideName, ATTRIBUTE, LIVE, undoName, undoNumber } from "./names.ts";

/** The rollback under way, written before its first change and removed after its last: the disk is the journal. */
export interface Journal {
  readonly btm: 1;
  /** The number of the undo point it makes. */
  readonly undo: number;
  /** The height it goes to, decimal digits. */
  readonly height: string;
  /** The uuid of the snapshot that becomes live. */
  readonly target: string;
  /** The uuid of what was live. */
  readonly live: string;
}

/** What an undo point says of itself. */
export interface UndoRecord {
  readonly btm: 1;
  readonly number: number;
  /** ISO 8601, UTC. */
  readonly at: string;
  /** The newest snapshot there was, decimal digits; null when there was none. */
  readonly from: string | null;
  /** The height the rollback went to. */
  readonly to: string;
}

const asideForm = v.object({ btm: v.literal(1), aside: v.string() });
const journalForm = v.object({
  btm: v.literal(1),
  undo: v.number(),
  height: v.string(),
  target: v.string(),
  live: v.string(),
});

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
    const isOurs = parseStored(asideForm, getAttribute(fd, ATTRIBUTE.mark))?.aside === base;
    // Without a mark but empty: made by us and interrupted before the mark, or as good as that.
    if (isOurs || (await entriesOf(fd, () => true)).length === 0) return new Aside(fd);
    close(fd);
    return undefined;
  }

  /** Opens it, made and marked when it is not there yet. @throws BtmError NAME_TAKEN when the name is another's */
  static async make(parent: number, base: string, onStep: StepObserver): Promise<Aside> {
    try {
      onStep("make aside", "before");
      // Its pins are for all to see, what is in the undo points is not.
      makeDirectoryAt(parent, asideName(base), 0o755);
      onStep("make aside", "after");
    } catch (error) {
      if (!isErrno(error, "EEXIST")) throw error;
    }
    const aside = await Aside.open(parent, base);
    if (aside === undefined) throw nameTaken(base);
    if (getAttribute(aside.fd, ATTRIBUTE.mark) === undefined) {
      onStep("mark aside", "before");
      await setAttribute(aside.fd, ATTRIBUTE.mark, JSON.stringify({ btm: 1, aside: base }));
      onStep("mark aside", "after");
    }
    return aside;
  }

  close(): void {
    close(this.fd);
  }

  journal(): Journal | undefined {
    return parseStored(journalForm, getAttribute(this.fd, ATTRIBUTE.journal));
  }

  writeJournal(journal: Journal): Promise<void> {
    return setAttribute(this.fd, ATTRIBUTE.journal, JSON.stringify(journal));
  }

  clearJournal(): Promise<void> {
    return removeAttribute(this.fd, ATTRIBUTE.journal);
  }

  async nextUndoNumber(): Promise<number> {
    const entries = await entriesOf(this.fd, (name) => undoNumber(name) !== undefined);
    return 1 + Math.max(0, ...entries.map((entry) => undoNumber(entry.name) ?? 0));
  }

  makeUndo(number: number): void {
    makeDirectoryAt(this.fd, undoName(number), 0o700);
  }

  async describeUndo(record: UndoRecord): Promise<void> {
    await withDirectory(this.fd, undoName(record.number), (fd) =>
      setAttribute(fd, ATTRIBUTE.undo, JSON.stringify(record)),
    );
  }

  /** Removes the empty directory of an undo point; nothing happens when there is none. */
  removeUndo(number: number): void {
    try {
      removeDirectoryAt(this.fd, undoName(number));
    } catch (error) {
      if (!isErrno(error, "ENOENT")) throw error;
    }
  }

  /** The subvolume inside an undo point; undefined when there is none. */
  live(number: number): SubvolumeInfo | undefined {
    try {
      return withDirectory(this.fd, `${undoName(number)}/${LIVE}`, subvolumeInfo);
    } catch (error) {
      if (isErrno(error, "ENOENT")) return undefined;
      throw error;
    }
  }

  /** The uuids of pinned snapshots, by height as decimal digits. */
  pins(): Map<string, string> {
    const names = listAttributes(this.fd).filter((name) => name.startsWith(ATTRIBUTE.pinPrefix));
    return new Map(names.map((name) => [name.slice(ATTRIBUTE.pinPrefix.length), getAttribute(this.fd, name) ?? ""]));
  }

  setPin(height: bigint, uuid: string | undefined): Promise<void> {
    const name = `${ATTRIBUTE.pinPrefix}${String(height)}`;
    return uuid === undefined ? removeAttribute(this.fd, name) : setAttribute(this.fd, name, uuid);
  }
}

/** Why {@link Aside.make} would fail: the name is there, and not ours. */
export function nameTaken(base: string): BtmError {
  return new BtmError(
    "NAME_TAKEN",
    `Cannot use ${quote(asideName(base))} beside the volume: something that btm did not make has that name`,
    { hint: "Rename it: btm keeps there what a rollback moves aside" },
  );
}
