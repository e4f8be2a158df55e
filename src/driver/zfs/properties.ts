import * as v from "valibot";

import { BtmError } from "../../errors.ts";
import { quote } from "../../text.ts";
import { parseStored } from "../../stored.ts";
import type { CallOptions, ZfsCommand } from "./command.ts";

/**
 * What is set on a dataset itself. Read by a channel program: a value may be any text, line breaks in it, which zfs get
 * prints as they are. So does zfs program, whose JSON is then none (seen on 2.1.11 and 2.3.2): values come in hexadecimal.
 * 2^63 - 1 and beyond do not occur: "none" of a limit is -1.
 */
export interface Properties {
  /** By its name, as zfs set takes it. */
  readonly set: ReadonlyMap<string, string>;
}

const PROGRAM = `
local args = ...
local dataset = args["argv"][1]
local system, user = {}, {}
local function hex(value)
  return (string.gsub(tostring(value), ".", function(c) return string.format("%02x", string.byte(c)) end))
end
for _, name in ipairs(zfs.list.system_properties(dataset)) do
  local value, source = zfs.get_prop(dataset, name)
  if source == dataset or source == "$recvd" then system[name] = hex(value) end
end
for name, value, source in zfs.list.user_properties(dataset) do
  if source == dataset or source == "$recvd" then user[name] = hex(value) end
end
return { system = system, user = user }
`;

const record = v.union([v.record(v.string(), v.string()), v.tuple([])]);
const answerForm = v.object({ return: v.object({ system: v.optional(record), user: v.optional(record) }) });

export async function propertiesOf(zfs: ZfsCommand, dataset: string, action: string): Promise<Properties> {
  const pool = dataset.split("/")[0] ?? "";
  const text = await zfs.change(["program", "-n", "-j", pool, "-", dataset], { action, input: PROGRAM });
  const answer = parseStored(answerForm, text)?.return;
  if (answer === undefined) {
    throw new BtmError("SYSTEM_ERROR", `Cannot ${action}: zfs program said ${quote(text.slice(0, 500))}`, {
      hint: "This is not an answer that btm knows: please report it with this message",
    });
  }
  const pairs = [...Object.entries(answer.system ?? {}), ...Object.entries(answer.user ?? {})];
  return { set: new Map(pairs.map(([name, value]) => [name, Buffer.from(value, "hex").toString()])) };
}

/** Limits are set when all else is done: what takes the place of the volume and what is moved aside may not have both. */
const LIMITS = ["quota", "reservation", "refreservation", "snapshot_limit", "filesystem_limit"];

/** What is not copied: the size of a zvol is the snapshot's; the rest is of the encryption root, ours, or done apart. */
const LEFT_OUT = new Set([...LIMITS, "volsize", "keylocation", "canmount", "zoned"]);

/** The properties of a dataset as arguments of zfs clone. */
export function copied({ set }: Properties): string[] {
  return [...set]
    .filter(([name]) => !LEFT_OUT.has(name) && !name.startsWith("btm:"))
    .flatMap(([name, value]) => ["-o", `${name}=${value}`]);
}

export function limitsIn({ set }: Properties): string[] {
  return LIMITS.flatMap((name) => {
    const value = set.get(name);
    if (value === undefined) return [];
    return [`${name}=${value === "-1" || value === "0" ? "none" : value}`];
  });
}

/**
 * Copies what zfs allow has granted on a dataset. The text of zfs allow is compared afterwards: what could not be copied, as
 * for a user who is gone, is not lost without a word.
 *
 * @throws BtmError BLOCKED
 */
export async function copyGrants(
  zfs: ZfsCommand,
  from: string,
  to: string,
  call: CallOptions,
  grant: (work: () => Promise<unknown>) => Promise<unknown>,
): Promise<void> {
  const { action } = call;
  const wanted = ownGrants(await zfs.read(["allow", from], { action }), from);
  const commands = wanted.flatMap((line) => grantCommand(line, to));
  if (wanted.length === 0) return;
  await grant(async () => {
    for (const args of commands) await zfs.change(args, call);
  });
  const now = ownGrants(await zfs.read(["allow", to], { action }), to);
  if (now.map(({ text }) => text).join("\n") === wanted.map(({ text }) => text).join("\n")) return;
  throw new BtmError("BLOCKED", `Cannot ${action}: what zfs allow has granted on ${quote(from)} cannot be copied`, {
    hint: "zfs allow DATASET shows it; is one of the users or groups gone? zfs unallow takes that away",
  });
}

interface Grant {
  readonly scope: string;
  readonly text: string;
}

const SCOPES: Readonly<Record<string, readonly string[]>> = {
  "Permission sets:": ["-s"],
  "Create time permissions:": ["-c"],
  "Local permissions:": ["-l"],
  "Descendent permissions:": ["-d"],
  "Local+Descendent permissions:": [],
};

/** The lines of zfs allow that are of the dataset itself, each with the heading that it stands under. */
function ownGrants(text: string, dataset: string): Grant[] {
  const grants: Grant[] = [];
  let isOwn = false;
  let scope = "";
  for (const line of text.split("\n")) {
    if (line.startsWith("---- Permissions on ")) isOwn = line.startsWith(`---- Permissions on ${dataset} -`);
    else if (isOwn && line.startsWith("\t")) grants.push({ scope, text: line.trim() });
    else scope = line.trim();
  }
  return grants;
}

function grantCommand({ scope, text }: Grant, dataset: string): string[][] {
  const options = SCOPES[scope];
  if (options === undefined) return [];
  const at = text.lastIndexOf(" ");
  const [who, what] = [text.slice(0, Math.max(at, 0)), text.slice(at + 1)];
  const [, kind, name] = /^(user|group|everyone) ?(.*)$/.exec(who) ?? [];
  if (options[0] === "-s") return [["allow", "-s", who, what, dataset]];
  if (options[0] === "-c") return [["allow", "-c", what, dataset]];
  if (kind === "everyone") return [["allow", ...options, "-e", what, dataset]];
  if (name === undefined || kind === undefined) return [];
  return [["allow", ...options, kind === "user" ? "-u" : "-g", name, what, dataset]];
}
