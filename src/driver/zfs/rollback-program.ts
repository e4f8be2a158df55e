import * as v from "valibot";

import { BtmError } from "../../errors.ts";
import { quote } from "../../text.ts";
import { parseStored } from "../../stored.ts";
import type { ZfsCommand } from "./command.ts";
import { literal, signed } from "./lua.ts";

/** What the rollback must find, and nothing else. */
export interface Expected {
  readonly dataset: string;
  /** The name and guid of the snapshot to go back to. */
  readonly target: Named;
  /** All snapshots that were taken after it, the newest first. */
  readonly newer: readonly Named[];
  /** The names of all bookmarks that there may be. */
  readonly bookmarks: readonly string[];
  /** A property of the dataset that is set when it is done. */
  readonly done: { readonly property: string; readonly value: string };
  /** What is busy before the volume is unmounted, and no more after it: these snapshots, and the volume itself. */
  readonly busyNow: readonly string[];
}

interface Named {
  readonly name: string;
  readonly uuid: string;
}

/**
 * A channel program (zfs-program(8)): checks that everything is as planned, destroys what is newer and rolls back, in one
 * transaction. So a power cut leaves all of it or nothing, and nobody can put a snapshot, a bookmark or a mount in between.
 * zfs destroy and zfs rollback, one after the other, can promise neither. Only killed in the middle, by SIGKILL, the command
 * may leave newer snapshots destroyed and the live state as it was (zcp_lua_counthook() in module/zfs/zcp.c); other signals
 * are kept from it.
 *
 * A guid is unsigned and Lua's integers are signed: they are compared as the text of the signed one.
 */
const PROGRAM = `
local newer_guids, count = {}, 0
for _, pair in ipairs(newer) do
  newer_guids[pair[1]] = pair[2]
  count = count + 1
end

local function guid(snapshot) return string.format("%d", (zfs.get_prop(snapshot, "guid"))) end
local function answer(what, name, errno) return { what = what, name = name, errno = errno } end

local target_txg
for snapshot in zfs.list.snapshots(dataset) do
  if snapshot == target and guid(snapshot) == target_guid then target_txg = zfs.get_prop(snapshot, "createtxg") end
end
if target_txg == nil then return answer("changed", target, 0) end
for snapshot in zfs.list.snapshots(dataset) do
  if zfs.get_prop(snapshot, "createtxg") > target_txg then
    if newer_guids[snapshot] ~= guid(snapshot) then return answer("changed", snapshot, 0) end
    count = count - 1
  end
end
if count ~= 0 then return answer("changed", dataset, 0) end
for bookmark in zfs.list.bookmarks(dataset) do
  if not bookmarks[bookmark] then return answer("changed", bookmark, 0) end
end

for _, pair in ipairs(newer) do
  local errno = zfs.check.destroy(pair[1])
  if errno ~= 0 and not (act == "check" and errno == 16 and busy_now[pair[1]]) then
    return answer("snapshot", pair[1], errno)
  end
end
local errno = zfs.check.rollback(dataset)
-- 17, EEXIST: bookmarks newer than the newest snapshot, which are destroyed before it is done.
local is_known = act == "check" and (errno == 17 or (errno == 16 and busy_now[dataset]))
if errno ~= 0 and not is_known then return answer("dataset", dataset, errno) end
if act == "check" then return answer("done", dataset, 0) end

for _, pair in ipairs(newer) do
  errno = zfs.sync.destroy(pair[1])
  if errno ~= 0 then return answer("halfway", pair[1], errno) end
end
errno = zfs.sync.rollback(dataset)
if errno ~= 0 then return answer("halfway", dataset, errno) end
-- Last, so that it says nothing that is not so.
zfs.sync.set_prop(dataset, property, value)
return answer("done", dataset, 0)
`;

const answerSchema = v.object({
  return: v.object({
    what: v.picklist(["done", "changed", "snapshot", "dataset", "halfway"]),
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
  call: { readonly action: string; readonly lock: number },
): Promise<void> {
  const { action } = call;
  const pool = expected.dataset.split("/")[0] ?? "";
  // Generous: a thousand snapshots need some 2 MB and 1 million instructions.
  const args = ["program", "-j", "-m", String(64 * 1024 * 1024), "-t", "100000000", pool, "-"];
  const text = await zfs.change(args, { ...call, input: programText(act, expected), isUnstoppable: true });
  const answer = parseStored(answerSchema, text)?.return;
  if (answer === undefined) {
    throw new BtmError("SYSTEM_ERROR", `Cannot ${action}: zfs program said ${quote(text.slice(0, 500))}`, {
      hint: "This is not an answer that btm knows: look at the volume with btm list, and report it with this message",
    });
  }
  const { what, name, errno } = answer;
  if (what !== "done") throw refusal(action, { what, name, errno });
}

/** What is expected goes into the text: as arguments, tens of thousands of names would be more than execve(2) takes. */
function programText(act: string, expected: Expected): string {
  const { dataset, target, newer, bookmarks, done, busyNow } = expected;
  const set = (names: readonly string[]): string =>
    `{ ${names.map((name) => `[${literal(name)}] = true`).join(", ")} }`;
  return [
    `local act, dataset = ${literal(act)}, ${literal(dataset)}`,
    `local target, target_guid = ${literal(target.name)}, ${literal(signed(target.uuid))}`,
    `local property, value = ${literal(done.property)}, ${literal(done.value)}`,
    `local newer = { ${newer.map(({ name, uuid }) => `{ ${literal(name)}, ${literal(signed(uuid))} }`).join(", ")} }`,
    `local bookmarks = ${set(bookmarks)}`,
    `local busy_now = ${set(busyNow)}`,
    PROGRAM,
  ].join("\n");
}

/** Text for the program; names on ZFS have no character that would mean anything in it, and nothing else gets in. */
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
        hint: "It may be being sent, or mounted somewhere; zfs holds, and zfs list -o name,clones show what else keeps it",
        details,
      });
    case "dataset":
      return new BtmError("BLOCKED", `Cannot ${action}: the kernel refuses: ${why}`, {
        hint: HINTS[errno] ?? "Is it mounted in another mount namespace, such as a container's, or its device open?",
        details,
      });
    case "halfway":
      return new BtmError(
        "PARTLY_DONE",
        `${action}: newer snapshots were destroyed, and then the kernel refused ${quote(name)}: ${why}; what is live is as it was`,
        { hint: "Make room, or raise refquota and refreservation, then run the command again", details },
      );
  }
}

const HINTS: Readonly<Record<number, string>> = {
  28: "Make room, or take the reservation away for the time of the rollback: zfs set refreservation=none DATASET",
  122: "Raise it first: zfs set refquota=SIZE DATASET",
};

/** Of errno(3), those that the checks of dsl_dataset_rollback_check() and dsl_destroy_snapshot_check() give. */
const REASONS: Readonly<Record<number, string>> = {
  16: "it is in use (EBUSY)",
  17: "there are newer snapshots or bookmarks (EEXIST)",
  28: "no space is left for its reservation (ENOSPC)",
  122: "the snapshot is larger than its refquota (EDQUOT)",
};
