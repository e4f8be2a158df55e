import { readlink } from "node:fs/promises";

import { throwIfAborted } from "../errors.ts";
import { SIDECARS } from "./carry.ts";
import { Folder } from "./folder.ts";

/** Whether a path holds the same in two trees: a file with what SQLite keeps beside it, a folder with all that is in it. */
export async function isSame(
  treeA: string,
  treeB: string,
  path: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const [a, b] = [await Folder.root(treeA), await Folder.root(treeB)];
  try {
    if (path === ".") return await areSameFolders(a, b, signal);
    return await within(a, b, path.split("/"), signal);
  } finally {
    await Promise.all([a.close(), b.close()]);
  }
}

async function within(
  a: Folder,
  b: Folder,
  [first = "", ...rest]: readonly string[],
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (rest.length === 0) {
    // The -shm is an index that SQLite makes anew.
    for (const suffix of ["", ...SIDECARS.filter((sidecar) => sidecar !== "-shm")]) {
      if (!(await areSame(a, b, first + suffix, signal))) return false;
    }
    return true;
  }
  return inBoth(a, b, first, (innerA, innerB) => within(innerA, innerB, rest, signal));
}

/** False when it is not a folder in both. */
async function inBoth(
  a: Folder,
  b: Folder,
  name: string,
  use: (a: Folder, b: Folder) => Promise<boolean>,
): Promise<boolean> {
  const opened = [await a.open(name), await b.open(name)];
  try {
    const [innerA, innerB] = opened;
    return innerA instanceof Folder && innerB instanceof Folder && (await use(innerA, innerB));
  } finally {
    for (const folder of opened) if (folder instanceof Folder) await folder.close();
  }
}

async function areSame(a: Folder, b: Folder, name: string, signal: AbortSignal | undefined): Promise<boolean> {
  throwIfAborted(signal);
  const [kind, other] = [await a.kindOf(name), await b.kindOf(name)];
  if (kind !== other) return false;
  switch (kind) {
    case undefined:
    case "other":
      return true;
    case "file":
      return areSameFiles(a, b, name, signal);
    case "folder":
      return inBoth(a, b, name, (innerA, innerB) => areSameFolders(innerA, innerB, signal));
    case "link":
      return (await readlink(a.at(name))) === (await readlink(b.at(name)));
  }
}

async function areSameFolders(a: Folder, b: Folder, signal: AbortSignal | undefined): Promise<boolean> {
  const names = await namesIn(a);
  const others = new Set(await namesIn(b));
  if (names.length !== others.size || names.some((name) => !others.has(name))) return false;
  for (const name of names) if (!(await areSame(a, b, name, signal))) return false;
  return true;
}

async function namesIn(folder: Folder): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, kind } of folder.entries()) if (kind !== "other") names.push(name);
  return names;
}

async function areSameFiles(a: Folder, b: Folder, name: string, signal: AbortSignal | undefined): Promise<boolean> {
  const files = [await a.openFile(name), await b.openFile(name)];
  try {
    const [fileA, fileB] = files;
    if (fileA === undefined || fileB === undefined) return false;
    const { size } = await fileA.stat();
    if (size !== (await fileB.stat()).size) return false;
    const [bufferA, bufferB] = [Buffer.allocUnsafe(CHUNK), Buffer.allocUnsafe(CHUNK)];
    for (let at = 0; at < size;) {
      throwIfAborted(signal);
      const [readA, readB] = await Promise.all([fileA.read(bufferA, 0, CHUNK, at), fileB.read(bufferB, 0, CHUNK, at)]);
      const { bytesRead } = readA;
      if (bytesRead === 0 || bytesRead !== readB.bytesRead) return false;
      if (bufferA.compare(bufferB, 0, bytesRead, 0, bytesRead) !== 0) return false;
      at += bytesRead;
    }
    return true;
  } finally {
    for (const file of files) await file?.close();
  }
}

const CHUNK = 256 * 1024;
