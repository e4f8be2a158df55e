import { closeSync, constants, openSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";

import { BtmError } from "../errors.ts";
import type { UnitState } from "../rollback/systemctl.ts";
import { ownGroup } from "../rollback/unit-checks.ts";
import { readMounts } from "../sys/mounts.ts";
import { quote } from "../text.ts";
import { type GroupEvents, groupFolder, isOfUnit, isWithin, parseEvents } from "./control-group.ts";
import { type Guard, startGuard } from "./guard.ts";
import type { Holder, HolderOptions } from "./holder.ts";
import { becomesTrue } from "./poll.ts";
import { unavailable } from "./unavailable.ts";

/**
 * Freezes the processes of a unit by its control group (cgroup.freeze, Linux 5.2): they stop when they come back from the
 * kernel, so none is stopped with a lock of the file system in its hands.
 *
 * @throws BtmError BLOCKED when it does not run, or somebody else has frozen it; QUIESCE_UNAVAILABLE
 */
export async function prepareFreeze(state: UnitState, options: HolderOptions): Promise<Holder> {
  const { unit, deadlineMs } = options;
  const group = new FrozenGroup(freezableFolder(state));
  try {
    const { isPopulated, isFrozen } = group.look() ?? { isPopulated: false, isFrozen: false };
    if (!isPopulated) throw refused(unit, "nothing of it runs", "Start it, or leave out its quiesce");
    if (isFrozen) {
      // To thaw it would undo what somebody does on purpose.
      throw refused(unit, "it is frozen already, by somebody else", `systemctl thaw ${unit} lets it run again`);
    }
    const guard = await startGuard({
      description: `Thaws ${unit} when the snapshot that it is frozen for is over`,
      limitMs: deadlineMs,
      controls: join(group.folder, "cgroup.freeze"),
      atEnd: [],
    });
    return new FreezeHolder(unit, group, guard);
  } catch (error) {
    group.close();
    throw error;
  }
}

/**
 * The folder of the control group of a unit.
 *
 * @throws BtmError BLOCKED, QUIESCE_UNAVAILABLE
 */
export function freezableFolder({ unit, controlGroup }: UnitState): string {
  if (controlGroup === "") throw refused(unit, "it does not run", "Start it, or leave out its quiesce");
  if (!isOfUnit(controlGroup)) {
    const hint = "Freeze the unit of the node alone";
    throw unavailable("freeze", unit, `${quote(controlGroup)} is not the control group of one unit`, { hint });
  }
  if (isWithin(ownGroup(), controlGroup)) {
    const hint = "Run btm in a unit of its own";
    throw unavailable("freeze", unit, "btm runs in it, and would stand still with it", { hint });
  }
  const folder = groupFolder(readMounts(), controlGroup);
  if (folder === undefined) {
    throw unavailable("freeze", unit, "no control groups of version 2 are mounted", { hint: NEEDS });
  }
  return folder;
}

export const NEEDS = "Freezing needs Linux 5.2 and control groups of version 2; quiesce = stop does without";

class FreezeHolder implements Holder {
  readonly #unit: string;
  readonly #group: FrozenGroup;
  readonly #guard: Guard;
  #isHeld = false;

  constructor(unit: string, group: FrozenGroup, guard: Guard) {
    this.#unit = unit;
    this.#group = group;
    this.#guard = guard;
  }

  async hold(): Promise<void> {
    const group = this.#group;
    const isTold = this.#guard.tell("1");
    let events: GroupEvents | undefined;
    const isSettled = (): boolean => {
      events = group.look();
      return events === undefined || !events.isPopulated || events.isFrozen;
    };
    const isInTime = isTold && (await becomesTrue(isSettled, FREEZE_MS));
    this.#isHeld = isInTime && events?.isPopulated === true;
    if (this.#isHeld) return;
    const hint = "The snapshot is taken all the same, as after a power cut";
    if (!isTold) throw refused(this.#unit, "its guard has ended", hint);
    if (isInTime) throw refused(this.#unit, "it ended in this moment", hint);
    const seconds = String(FREEZE_MS / 1000);
    const why = `within ${seconds} s not all of its processes stood still: one waits in the kernel, as for a slow disk`;
    throw new BtmError("TIMED_OUT", `Cannot freeze ${quote(this.#unit)}: ${why}`, {
      hint,
      details: { unit: this.#unit },
    });
  }

  isHeld(): Promise<boolean> {
    return Promise.resolve(this.#group.look()?.isFrozen === true);
  }

  async letGo(): Promise<void> {
    // By ourselves it is quicker than through the guard, which first has to be given a processor. That is safe as soon as
    // the guard has frozen it: nothing that it is told is on its way any more.
    const isTold = (this.#isHeld && this.#group.thaw()) || this.#guard.tell("0");
    if (isTold && (await becomesTrue(() => this.#group.look()?.isFrozen !== true, THAW_MS))) return;
    // The guard is gone, or hangs: its end does it.
    await this.#guard.end();
  }

  async end(): Promise<void> {
    await this.#guard.end();
    this.#group.close();
  }
}

/** A task that waits in the kernel, for a disk as a rule, stands still when it comes back; the others stand meanwhile. */
const FREEZE_MS = 500;
const THAW_MS = 100;

const O_CLOEXEC = 0o2_000_000;

/** A control group as it is now: one that takes its place under the same name is another. */
class FrozenGroup {
  readonly folder: string;
  readonly #fd: number;

  constructor(folder: string) {
    this.folder = folder;
    this.#fd = openSync(join(folder, "cgroup.events"), constants.O_RDONLY | O_CLOEXEC);
  }

  /** undefined when it is gone. */
  look(): GroupEvents | undefined {
    const bytes = Buffer.alloc(256);
    try {
      return parseEvents(bytes.toString("utf8", 0, readSync(this.#fd, bytes, 0, bytes.length, 0)));
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENODEV") return undefined;
      throw error;
    }
  }

  /** Lets it run; whether that could be asked for. */
  thaw(): boolean {
    try {
      // Not truncated, for there is nothing to truncate; not created, when it is gone.
      const fd = openSync(join(this.folder, "cgroup.freeze"), constants.O_WRONLY | O_CLOEXEC);
      try {
        return writeSync(fd, "0\n") > 0;
      } finally {
        closeSync(fd);
      }
    } catch {
      // Gone, or not for us to write: then it is the guard's.
      return false;
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}

function refused(unit: string, why: string, hint: string): BtmError {
  return new BtmError("BLOCKED", `Cannot freeze ${quote(unit)}: ${why}`, { hint, details: { unit } });
}
