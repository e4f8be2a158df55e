import { BtmError } from "../../errors.ts";
import { runCommand } from "../../sys/spawn.ts";
import { quote } from "../../text.ts";
import type { CallOptions, ZfsCommand } from "./command.ts";
import type { Journal } from "./journal.ts";
import { parseRows } from "./listing.ts";
import type { Place } from "./place.ts";

export interface Surroundings {
  /** The names of all bookmarks of the dataset. */
  readonly bookmarks: readonly string[];
  /** Whether it is mounted where its properties say, so that `zfs mount` mounts it there again. */
  readonly isManaged: boolean;
}

/** What a rollback must know of a dataset besides the plan, in one look. */
export async function lookAround(zfs: ZfsCommand, { dataset, mount }: Place, action: string): Promise<Surroundings> {
  const columns = "name,mountpoint,canmount";
  const args = ["list", "-Hp", "-d", "1", "-t", "filesystem,volume,bookmark", "-o", columns, dataset];
  const rows = parseRows(await zfs.read(args, { action }));
  const own = rows.find((row) => row.name === dataset);
  return {
    bookmarks: rows.map((row) => row.name).filter((name) => name.includes("#")),
    isManaged: mount !== undefined && own?.value(1) === mount.mountPoint && own.value(2) !== "off",
  };
}

/** Mounts a dataset as its journal says: by zfs mount, or by mount(8) when the mount point is legacy or another one. */
export async function mountAgain(
  zfs: ZfsCommand,
  dataset: string,
  { mountPoint, options, managed }: Journal,
  call: CallOptions & { readonly lock: number },
): Promise<void> {
  if (managed) {
    await zfs.change(["mount", dataset], call);
    return;
  }
  // zfsutil says that it is meant, to a dataset whose mount point is not legacy (mount.zfs(8)).
  const all = [...options, "zfsutil"].join(",");
  const args = ["-t", "zfs", "-o", all, "--", dataset, mountPoint];
  const { status, stderr } = await runCommand("/bin/mount", args, { timeoutMs: zfs.changeTimeoutMs, holds: call.lock });
  if (status === 0) return;
  throw new BtmError("SYSTEM_ERROR", `Cannot ${call.action}: mount said ${quote(stderr.trim())}`, {
    hint: `Mount it by hand: mount -t zfs ${quote(dataset)} ${quote(mountPoint)}`,
  });
}
