import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { basename } from "node:path";

import { BtmError } from "../../errors.ts";
import { CommandTimeout, type Ended, runCommand } from "../../sys/spawn.ts";
import { escapeText } from "../../text.ts";
import type { DriverDeps } from "../driver.ts";
import { explainFailure } from "./failure.ts";
import { ZFS_DEVICE } from "./names.ts";

export interface CallOptions {
  /** What it is for: completes "Cannot ...". */
  readonly action: string;
  readonly input?: string;
  /** The lock of the volume, or of each: a command that outlives us keeps it until it is done. */
  readonly lock?: number | readonly number[] | undefined;
  /** Whether it must not be ended in the middle. */
  readonly isUnstoppable?: boolean;
}

/** A list of thousands of snapshots from a cold and busy disk takes minutes; a change waits for a transaction besides. */
const READ_MS = 2 * 60_000;
const CHANGE_MS = 10 * 60_000;

/** The zfs command: the stable interface of OpenZFS, unlike its ioctls. */
export class ZfsCommand {
  readonly #timeoutMs: number | undefined;
  readonly #given: string | undefined;
  #file: string | undefined;

  constructor(deps: Pick<DriverDeps, "zfsCommand" | "commandTimeoutMs">) {
    this.#given = deps.zfsCommand;
    this.#timeoutMs = deps.commandTimeoutMs;
  }

  /** Runs a command that only reads; what it prints. */
  async read(args: readonly string[], options: CallOptions): Promise<string> {
    return this.#succeed(args, options, await this.#run(args, options, READ_MS));
  }

  /** Runs a command that changes something; what it prints. */
  async change(args: readonly string[], options: CallOptions): Promise<string> {
    return this.#succeed(args, options, await this.tryChange(args, options));
  }

  /** The same; how it ended, for failures that are an answer. */
  tryChange(args: readonly string[], options: CallOptions): Promise<Ended> {
    return this.#run(args, options, CHANGE_MS);
  }

  #succeed(args: readonly string[], { action }: CallOptions, ended: Ended): string {
    if (ended.status === 0) return ended.stdout;
    throw explainFailure(action, args, ended);
  }

  async #run(args: readonly string[], options: CallOptions, timeoutMs: number): Promise<Ended> {
    const { action } = options;
    this.#file ??= findCommand(this.#given, action);
    try {
      return await this.#limited(this.#file, args, options, timeoutMs);
    } catch (error) {
      if (error instanceof BtmError) throw error;
      const why = error instanceof Error ? error.message : String(error);
      throw new BtmError("ZFS_UNAVAILABLE", `Cannot ${action}: the zfs command does not work: ${escapeText(why)}`, {
        hint: "Install OpenZFS 2.1 or newer (Debian: zfsutils-linux)",
        cause: error,
      });
    }
  }

  /** Runs mount(8), umount(8) or sync(1) under the same rules; how it ended. */
  runOther(
    file: "/bin/mount" | "/bin/umount" | "/bin/sync",
    args: readonly string[],
    options: CallOptions,
  ): Promise<Ended> {
    return this.#limited(file, args, options, CHANGE_MS);
  }

  async #limited(
    file: string,
    args: readonly string[],
    { action, input, lock, isUnstoppable = false }: CallOptions,
    timeoutMs: number,
  ): Promise<Ended> {
    try {
      const options = { timeoutMs: this.#timeoutMs ?? timeoutMs, holds: [lock ?? []].flat(), isUnstoppable };
      return await runCommand(file, args, input === undefined ? options : { ...options, input });
    } catch (error) {
      if (!(error instanceof CommandTimeout)) throw error;
      throw timedOut(action, `${basename(file)} ${args[0] ?? ""}`, error);
    }
  }
}

/** What it means that something gave no answer in time. */
function timedOut(action: string, what: string, error: CommandTimeout): BtmError {
  const pid = error.stuckPid;
  const stuck =
    pid === undefined ? "" : `; process ${String(pid)} goes on, and holds the lock of the volume until it is done`;
  return new BtmError("TIMED_OUT", `Cannot ${action}: ${what} gave ${error.message}${stuck}`, {
    hint: "Look at zpool status: a disk may be failing, or the pool suspended. What was asked for may happen yet",
    cause: error,
    details: { pid },
  });
}

const FOLDERS = ["/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/bin", "/run/current-system/sw/bin"];

function findCommand(given: string | undefined, action: string): string {
  refuseOldModule(action);
  const candidates = given === undefined ? FOLDERS.map((folder) => `${folder}/zfs`) : [given];
  const file = candidates.find(isExecutable);
  if (file !== undefined) return file;
  throw new BtmError("ZFS_UNAVAILABLE", `Cannot ${action}: there is no zfs command at ${candidates.join(", ")}`, {
    hint: "Install OpenZFS 2.1 or newer (Debian: zfsutils-linux); if a path was meant, give it whole, from the /",
  });
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Older than 2.1 is untested, and before 2.0 channel programs cannot set a property. */
function refuseOldModule(action: string): void {
  if (!existsSync(ZFS_DEVICE)) {
    throw new BtmError("ZFS_UNAVAILABLE", `Cannot ${action}: the ZFS kernel module is not loaded`, {
      hint: "modprobe zfs (Debian: install zfs-dkms and zfsutils-linux); if a path was meant, give it whole, from the /",
    });
  }
  let version: string;
  try {
    version = readFileSync("/sys/module/zfs/version", "utf8").trim();
  } catch {
    // Built into the kernel it has no such file.
    return;
  }
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(version) ?? [];
  if (major === undefined || Number(major) > 2 || (Number(major) === 2 && Number(minor) >= 1)) return;
  throw new BtmError("ZFS_UNAVAILABLE", `Cannot ${action}: this is OpenZFS ${escapeText(version)}, and 2.1 is needed`, {
    hint: "Upgrade OpenZFS to 2.1 or newer",
  });
}
