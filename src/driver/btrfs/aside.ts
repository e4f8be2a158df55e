import * as v from "valibot";

import { BtmError } from "../../errors.ts";
import { SUBVOLUME_INODE, subvolumeInfo, type SubvolumeInfo } from "../../sys/btrfs.ts";
import { entriesOf, identityOf, withDirectory } from "../../sys/directory.ts";
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
import { parseStored } from "../mark.ts";
import { type Journal, journalOf } from "./journal.ts";
import { asideName, ATTRIBUTE, LIVE, undoName, undoNumber } from "./names.ts";

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
      // Without our mark but empty: made by us and interrupted before the mark, renamed with its volume, or as good as that.
      if (isMarked(fd, base) || (await entriesOf(fd, () => true)).length === 0) return new Aside(fd);
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

  /** @param except one that does not count */
  async nextUndoNumber(except: number | undefined): Promise<number> {
    const entries = await entriesOf(this.fd, (name) => undoNumber(name) !== undefined);
    const numbers = entries.map((entry) => undoNumber(entry.name) ?? 0).filter((number) => number !== except);
    return 1 + Math.max(0, ...numbers);
  }

  async makeUndo(number: number): Promise<void> {
    await makeDirectoryAt(this.fd, undoName(number), 0o700);
  }

  async describeUndo(record: UndoRecord): Promise<void> {
    await withDirectory(this.fd, undoName(record.number), (fd) =>
      setAttribute(fd, ATTRIBUTE.undo, JSON.stringify(record)),
    );
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
    try {
      // In a plain directory the question would be answered for the subvolume around it.
      return withDirectory(this.fd, `${undoName(number)}/${LIVE}`, (fd) =>
        identityOf(fd).inode === SUBVOLUME_INODE ? subvolumeInfo(fd) : undefined,
      );
    } catch (error) {
      if (isErrno(error, "ENOENT", "ENOTDIR")) return undefined;
      throw error;
    }
  }

  /** Whether the snapshot of that height and uuid is pinned. */
  isPinned(height: bigint, uuid: string): boolean {
    return getAttribute(this.fd, `${ATTRIBUTE.pinPrefix}${String(height)}`) === uuid;
  }

  setPin(height: bigint, uuid: string | undefined): Promise<void> {
    const name = `${ATTRIBUTE.pinPrefix}${String(height)}`;
    return uuid === undefined ? removeAttribute(this.fd, name) : setAttribute(this.fd, name, uuid);
  }
}

function isMarked(fd: number, base: string): boolean {
  return parseStored(asideForm, getAttribute(fd, ATTRIBUTE.mark))?.aside === base;
}

/** Why {@link Aside.make} would fail: the name is there, and not ours. */
export function nameTaken(base: string): BtmError {
  return new BtmError(
    "NAME_TAKEN",
    `Cannot use ${quote(asideName(base))} beside the volume: something that btm did not make has that name`,
    { hint: "Rename it: btm keeps there what a rollback moves aside" },
  );
}
