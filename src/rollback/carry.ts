import { mkdir, rm } from "node:fs/promises";

import { BtmError } from "../errors.ts";
import { escapeText, quote } from "../text.ts";
import { Folder, type Kind } from "./folder.ts";

/** Makes paths in the tree `staged` what they are in the tree `live`; preserve.ts has what that means. */
export async function carry(live: string, staged: string, paths: readonly string[]): Promise<void> {
  const [from, to] = [await Folder.root(live), await Folder.root(staged)];
  try {
    for (const [folder, names] of byFolder(paths)) await carryInto(from, to, folder, names);
  } finally {
    await Promise.all([from.close(), to.close()]);
  }
}

function byFolder(paths: readonly string[]): Map<string, string[]> {
  const folders = new Map<string, string[]>();
  for (const path of paths) {
    const end = path.lastIndexOf("/");
    const folder = path.slice(0, Math.max(end, 0));
    folders.set(folder, [...(folders.get(folder) ?? []), path.slice(end + 1)]);
  }
  return folders;
}

async function carryInto(live: Folder, staged: Folder, path: string, names: readonly string[]): Promise<void> {
  const parts = path === "" ? [] : path.split("/");
  const opened: Folder[] = [];
  try {
    const sources = await descend(live, parts, PRESENT, opened);
    const source = sources.length === parts.length ? (sources.at(-1) ?? live) : undefined;
    const targets = await descend(staged, parts, PAST, opened);
    const target = targets.length === parts.length ? (targets.at(-1) ?? staged) : undefined;
    const all = new Set(names);
    for (const name of names) {
      if ((await isDatabase(source, name)) || (await isDatabase(target, name))) {
        for (const suffix of SIDECARS) all.add(name + suffix);
      }
    }
    const kinds = await Promise.all([...all].map(async (name) => [name, await source?.kindOf(name)] as const));
    const there = kinds.filter(([, kind]) => isCarried(kind)).map(([name]) => name);
    const gone = kinds.filter(([, kind]) => kind === undefined).map(([name]) => name);
    if (source === undefined || there.length === 0) {
      if (target !== undefined) await remove(target, gone);
      return;
    }
    const complete = target ?? (await makeFolders(staged, targets, sources, parts, opened));
    await remove(complete, [...there, ...gone]);
    await copy(source, complete, there);
  } finally {
    for (const folder of opened) await folder.close();
  }
}

/** A socket or a pipe is made by whoever uses it. */
function isCarried(kind: Kind | undefined): boolean {
  return kind !== undefined && kind !== "other";
}

const PRESENT = "in the present";
const PAST = "in the snapshot";

/** The folders of a path, as far as there are any. */
async function descend(
  root: Folder,
  parts: readonly string[],
  where: string,
  opened: Folder[],
): Promise<readonly Folder[]> {
  const folders: Folder[] = [];
  for (const [i, name] of parts.entries()) {
    const path = quote(parts.slice(0, i + 1).join("/"));
    const inner = await (folders.at(-1) ?? root).open(name);
    if (inner === "missing") return folders;
    if (inner === "no-folder") {
      throw new BtmError("BLOCKED", `Cannot carry ${path} over: ${where} it is no folder, or a link to one`, {
        hint: "Preserve what the link leads to, by its own path; links are not followed, for they may lead anywhere",
      });
    }
    opened.push(inner);
    if (inner.device !== root.device) {
      throw new BtmError("BLOCKED", `Cannot carry ${path} over: ${where} something else is mounted there`, {
        hint: "What is mounted inside the volume is not part of it, and is not rolled back",
      });
    }
    folders.push(inner);
  }
  return folders;
}

/** Makes the folders that the past does not have, like those of the present. */
async function makeFolders(
  root: Folder,
  existing: readonly Folder[],
  sources: readonly Folder[],
  parts: readonly string[],
  opened: Folder[],
): Promise<Folder> {
  let folder = existing.at(-1) ?? root;
  for (const [i, source] of sources.entries()) {
    const name = parts[i];
    if (i < existing.length || name === undefined) continue;
    await mkdir(folder.at(name), { mode: 0o700 });
    const made = await folder.open(name);
    if (typeof made === "string") throw new Error(`${name} is gone right after it was made`);
    opened.push(made);
    await made.likeThat(source);
    folder = made;
  }
  return folder;
}

async function remove(folder: Folder, names: readonly string[]): Promise<void> {
  for (const name of names) await rm(folder.at(name), { recursive: true, force: true });
}

/**
 * By cp, which knows what Node does not: times to the nanosecond, extended attributes, sharing of the data where the file
 * system can. -a also says: links as links, devices as devices. -x: not into what is mounted in a folder.
 */
async function copy(from: Folder, to: Folder, names: readonly string[]): Promise<void> {
  const { runCommand } = await import("../sys/spawn.ts");
  for (let i = 0; i < names.length; i += BATCH) {
    const sources = names.slice(i, i + BATCH).map((name) => from.at(name));
    // That an extended attribute cannot be copied is no failure to -a alone; and what somebody has put in the place of a
    // name meanwhile, a link to elsewhere, must not be written through.
    const how = ["-a", "--preserve=xattr", "-x", "--reflink=auto", "--remove-destination"];
    const options = [...how, "-t", to.at("."), "--"];
    const { status, stderr } = await runCommand("/bin/cp", [...options, ...sources], { timeoutMs: COPY_MS });
    if (status === 0) continue;
    const isFull = /No space left on device|Disk quota exceeded/.test(stderr);
    throw new BtmError(
      isFull ? "NO_SPACE" : "SYSTEM_ERROR",
      `Cannot carry files over from the present: cp failed: ${escapeText(stderr.trim())}`,
      { hint: isFull ? "Remove snapshots with btm clean --kept N, then try again" : "Nothing was changed" },
    );
  }
}

/** A name is at most 255 bytes, and the kernel takes 128 KiB of arguments at the least. */
const BATCH = 200;
/** A large database on a disk that is slow, where the file system cannot share data. */
const COPY_MS = 6 * 60 * 60_000;

/** What SQLite keeps beside a database, without which it is another one (sqlite.org/tempfiles.html). */
export const SIDECARS = ["-wal", "-shm", "-journal"] as const;

/** Whether it is a SQLite database: by its first bytes, or its name, for one in write-ahead mode may be empty yet. */
async function isDatabase(folder: Folder | undefined, name: string): Promise<boolean> {
  if (/\.(sqlite3?|db3?)$/i.test(name)) return true;
  const file = await folder?.openFile(name);
  if (file === undefined) return false;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MAGIC.length), 0, MAGIC.length, 0);
    return buffer.subarray(0, bytesRead).equals(MAGIC);
  } finally {
    await file.close();
  }
}

/** sqlite.org/fileformat.html, 1.3.1 */
const MAGIC = Buffer.from("SQLite format 3\0");
