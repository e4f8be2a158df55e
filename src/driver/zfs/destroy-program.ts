import * as v from "valibot";

import { BtmError } from "../../errors.ts";
import { quote } from "../../text.ts";
import { parseStored } from "../../stored.ts";
import type { CallOptions, ZfsCommand } from "./command.ts";
import type { Timeline } from "./family.ts";
import { literal, signed } from "./lua.ts";
import type { Place } from "./place.ts";

/**
 * A channel program (zfs-program(8)) that destroys a dataset with the snapshots that it is known to have, in one
 * transaction: all of it or nothing, and none that others have put there meanwhile.
 */
const PROGRAM = `
local function guid(name) return string.format("%d", (zfs.get_prop(name, "guid"))) end
local function answer(what, name, errno) return { what = what, name = name, errno = errno } end

if guid(dataset) ~= dataset_guid then return answer("changed", dataset, 0) end
local known, count = {}, 0
for _, pair in ipairs(snapshots) do
  known[pair[1]] = pair[2]
  count = count + 1
end
for snapshot in zfs.list.snapshots(dataset) do
  if known[snapshot] ~= guid(snapshot) then return answer("changed", snapshot, 0) end
  count = count - 1
end
if count ~= 0 then return answer("changed", dataset, 0) end
for child in zfs.list.children(dataset) do return answer("changed", child, 0) end
for _, pair in ipairs(snapshots) do
  local errno = zfs.check.destroy(pair[1])
  if errno ~= 0 then return answer("busy", pair[1], errno) end
end
-- Asked while it has snapshots it would say busy because of them.
if #snapshots == 0 then
  local errno = zfs.check.destroy(dataset)
  if errno ~= 0 then return answer("busy", dataset, errno) end
end
for _, pair in ipairs(snapshots) do
  local errno = zfs.sync.destroy(pair[1])
  if errno ~= 0 then return answer("halfway", pair[1], errno) end
end
local errno = zfs.sync.destroy(dataset)
if errno ~= 0 then return answer("halfway", dataset, errno) end
return answer("done", dataset, 0)
`;

const form = v.object({
  return: v.object({
    what: v.picklist(["done", "changed", "busy", "halfway"]),
    name: v.string(),
    errno: v.number(),
  }),
});

/** Destroys a dataset and its snapshots. */
export async function destroyWhole(
  zfs: ZfsCommand,
  { own, snapshots }: Timeline,
  place: Place,
  call: CallOptions,
): Promise<void> {
  const pool = place.dataset.split("/")[0] ?? "";
  const pairs = snapshots.map(({ name, guid }) => `{ ${literal(name)}, ${literal(signed(guid))} }`);
  const input = [
    `local dataset, dataset_guid = ${literal(own.name)}, ${literal(signed(own.guid))}`,
    `local snapshots = { ${pairs.join(", ")} }`,
    PROGRAM,
  ].join("\n");
  const args = ["program", "-j", "-m", String(64 * 1024 * 1024), "-t", "100000000", pool, "-"];
  const text = await zfs.change(args, { ...call, input, isUnstoppable: true });
  const answer = parseStored(form, text)?.return;
  if (answer === undefined) {
    throw new BtmError("SYSTEM_ERROR", `Cannot ${call.action}: zfs program said ${quote(text.slice(0, 500))}`, {
      hint: "This is not an answer that btm knows: please report it with this message",
    });
  }
  if (answer.what === "done") return;
  const { what, name, errno } = answer;
  if (what === "changed") {
    throw new BtmError("PLAN_CHANGED", `Cannot ${call.action}: ${quote(name)} is not as it was planned`, {
      hint: "Someone made or destroyed something there: run the command again and look at the new plan",
    });
  }
  const why = `${quote(name)} is in use (errno ${String(errno)})`;
  throw new BtmError(what === "busy" ? "BLOCKED" : "PARTLY_DONE", `Cannot ${call.action}: ${why}`, {
    hint: "Is it mounted, being sent, or held by a process that was in it when the volume was rolled back by force?",
  });
}
