import * as v from "valibot";

import { BtmError } from "../../errors.ts";
import { quote } from "../../text.ts";
import { parseStored } from "../mark.ts";
import type { ZfsCommand } from "./command.ts";

/** What the rollback must find, and nothing else. */
export interface Expected {
  readonly dataset: string;
  /** The name and guid of the snapshot to go back to. */
  readonly target: Named;
  /** All snapshots that were taken after it. */
  readonly newer: readonly Named[];
  /** The names of all bookmarks there are. */
  readonly bookmarks: readonly string[];
  /** What is written into the dataset's journal once it is done; nothing when undefined. */
  readonly journal: { readonly property: string; readonly value: string } | undefined;
}

interface Named {
  readonly name: string;
  readonly uuid: string;
}

/**
 * A channel program (zfs-program(8)): checks that everything is as planned, destroys what is newer and rolls back, in one
 * transaction. So a power cut leaves all of it or nothing, nobody can put a snapshot or a mount in between, and what would
 * fail is found before anything is done. zfs destroy and zfs rollback, one after the other, can promise none of the three.
 *
 * A guid is unsigned, and Lua's integers are signed: they are compared as the text of the signed one, after a letter, that
 * a "-" is not taken for an option.
 */
const PROGRAM = `
local args = ...
local argv = args["argv"]
local act, dataset, target, property, value = argv[1], argv[2], argv[3], argv[4], argv[5]
local newer, bookmarks, count = {}, {}, 0
local i = 6
while argv[i] == "newer" do
  newer[argv[i + 1]] = argv[i + 2]
  count = count + 1
  i = i + 3
end
while argv[i] == "bookmark" do
  bookmarks[argv[i + 1]] = true
  i = i + 2
end
local target_guid = argv[i]

local function guid(snapshot) return "g" .. string.format("%d", (zfs.get_prop(snapshot, "guid"))) end

local target_txg
for snapshot in zfs.list.snapshots(dataset) do
  if snapshot == target and guid(snapshot) == target_guid then target_txg = zfs.get_prop(snapshot, "createtxg") end
end
if target_txg == nil then return { what = "changed", name = target, errno = 0 } end
for snapshot in zfs.list.snapshots(dataset) do
  if zfs.get_prop(snapshot, "createtxg") > target_txg then
    if newer[snapshot] ~= guid(snapshot) then return { what = "changed", name = snapshot, errno = 0 } end
    count = count - 1
  end
end
if count ~= 0 then return { what = "changed", name = dataset, errno = 0 } end
for bookmark in zfs.list.bookmarks(dataset) do
  if not bookmarks[bookmark] then return { what = "changed", name = bookmark, errno = 0 } end
end

for snapshot in pairs(newer) do
  local errno = zfs.check.destroy(snapshot)
  if errno ~= 0 then return { what = "snapshot", name = snapshot, errno = errno } end
end
local errno = zfs.check.rollback(dataset)
-- 17, EEXIST: bookmarks newer than the newest snapshot, which are destroyed before it is done.
if errno ~= 0 and not (act == "check" and errno == 17) then return { what = "dataset", name = dataset, errno = errno } end
if act == "check" then return { what = "done", name = dataset, errno = 0 } end

if property ~= "-" then
  errno = zfs.sync.set_prop(dataset, property, value)
  if errno ~= 0 then return { what = "journal", name = dataset, errno = errno } end
end
for snapshot in pairs(newer) do
  errno = zfs.sync.destroy(snapshot)
  if errno ~= 0 then return { what = "halfway", name = snapshot, errno = errno } end
end
errno = zfs.sync.rollback(dataset)
if errno ~= 0 then return { what = "halfway", name = dataset, errno = errno } end
return { what = "done", name = dataset, errno = 0 }
`;

const answerSchema = v.object({
  return: v.object({
    what: v.picklist(["done", "changed", "snapshot", "dataset", "journal", "halfway"]),
    name: v.string(),
    errno: v.number(),
  }),
});

/**
 * Runs the program, or its checks alone.
 *
 * @throws BtmError PLAN_CHANGED, BLOCKED, PARTLY_DONE when the kernel refused to go on in the middle
 */
export async function runRollback(
  zfs: ZfsCommand,
  act: "check" | "roll back",
  expected: Expected,
  options: { readonly action: string; readonly lock: number },
): Promise<void> {
  const { dataset, target, newer, bookmarks, journal } = expected;
  const args = [
    // Generous: a thousand snapshots need some 2 MB and 1 million instructions.
    ...["program", "-j", "-m", String(64 * 1024 * 1024), "-t", "100000000", dataset.split("/")[0] ?? "", "-"],
    ...[act, dataset, target.name, journal?.property ?? "-", journal?.value ?? "-"],
    ...newer.flatMap(({ name, uuid }) => ["newer", name, signed(uuid)]),
    ...bookmarks.flatMap((name) => ["bookmark", name]),
    signed(target.uuid),
  ];
  const { action } = options;
  const text = await zfs.change(args, { ...options, input: PROGRAM });
  const answer = parseStored(answerSchema, text)?.return;
  if (answer === undefined) {
    throw new BtmError("SYSTEM_ERROR", `Cannot ${action}: zfs program said ${quote(text.slice(0, 500))}`, {
      hint: "This is not an answer that btm knows: look at the volume with btm list, and report it with this message",
    });
  }
  const { what, name, errno } = answer;
  if (what !== "done") throw refusal(action, { what, name, errno });
}

function signed(guid: string): string {
  return `g${String(BigInt.asIntN(64, BigInt(guid)))}`;
}

type Refusal = Exclude<v.InferOutput<typeof answerSchema>["return"]["what"], "done">;

function refusal(action: string, { what, name, errno }: { what: Refusal; name: string; errno: number }): BtmError {
  const why = REASONS[errno] ?? `error ${String(errno)}`;
  const details = { name, errno };
  switch (what) {
    case "changed":
      return new BtmError("PLAN_CHANGED", `Cannot ${action}: ${quote(name)} is not as it was planned`, {
        hint: "Someone made, destroyed or replaced a snapshot or bookmark: run the command again and look at the new plan",
        details,
      });
    case "snapshot":
      return new BtmError("BLOCKED", `Cannot ${action}: ${quote(name)} cannot be destroyed: ${why}`, {
        hint: "zfs holds, and zfs list -o name,clones show what keeps it; it may be mounted somewhere",
        details,
      });
    case "dataset":
      return new BtmError("BLOCKED", `Cannot ${action}: the kernel refuses: ${why}`, {
        hint: "Is it mounted in another mount namespace, such as a container's, or its device open?",
        details,
      });
    case "journal":
      return new BtmError("NO_SPACE", `Cannot ${action}: its journal cannot be written: ${why}`, { details });
    case "halfway":
      return new BtmError(
        "PARTLY_DONE",
        `${action}: newer snapshots were destroyed, and then the kernel refused ${quote(name)}: ${why}; what is live is as it was`,
        { hint: "Make room, or raise refquota and refreservation, then run the command again", details },
      );
  }
}

/** Of errno(3), those that the checks of dsl_dataset_rollback_check() and dsl_destroy_snapshot_check() give. */
const REASONS: Readonly<Record<number, string>> = {
  16: "it is in use (EBUSY)",
  17: "there are newer snapshots or bookmarks (EEXIST)",
  28: "no space is left for its reservation (ENOSPC)",
  122: "the snapshot is larger than its refquota (EDQUOT)",
};
