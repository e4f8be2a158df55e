import { constants } from "node:fs";
import { type FileHandle, open, readlink } from "node:fs/promises";
import { isAbsolute, resolve } from "node:path";

/**
 * Reads a small file whose folder may belong to a user whom we do not trust, while we are root: whoever may write to a
 * folder can put a link to any file in the place of anything in it, at any time, and so have us read what they may not. So
 * the path is followed one name at a time, each from the folder that is held open; a link is followed only where nobody but
 * root and ourselves could have put it; and below that the file must have no other name, for a hard link leads out as well.
 *
 * @throws Error that says why not; of the system, with its code, when there is none
 */
export async function readSafely(path: string, maxBytes: number): Promise<string> {
  const found = await find(resolve(path));
  try {
    const stat = await found.stat();
    if (!stat.isFile()) throw new Error("it is no regular file");
    if (stat.nlink !== 1) throw new Error("it has another name as well (a hard link)");
    if (stat.size > maxBytes) throw new Error(`it has more than ${String(maxBytes)} bytes`);
    // The very file that was looked at, whatever has its name by now.
    const reader = await open(pathOf(found), constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const bytes = Buffer.alloc(maxBytes + 1);
      const { bytesRead } = await reader.read(bytes, 0, bytes.length, 0);
      if (bytesRead > maxBytes) throw new Error(`it has more than ${String(maxBytes)} bytes`);
      return bytes.toString("utf8", 0, bytesRead);
    } finally {
      await reader.close();
    }
  } finally {
    await found.close();
  }
}

/** What has that path, opened as a place alone: neither is a pipe waited for, nor a device touched. */
async function find(path: string): Promise<FileHandle> {
  const names = namesOf(path);
  let links = 0;
  let isTrusted = true;
  let here = await open("/", PLACE);
  try {
    for (let name = names.shift(); name !== undefined; name = names.shift()) {
      const folder = await here.stat();
      isTrusted &&= isOurs(folder.uid) && (folder.mode & WRITABLE_BY_OTHERS) === 0;
      const there = await open(`${pathOf(here)}/${name}`, PLACE);
      if (!(await there.stat()).isSymbolicLink()) {
        await here.close();
        here = there;
        continue;
      }
      await there.close();
      if (!isTrusted)
        throw new Error(`${JSON.stringify(name)} is a link, in a folder that others than root may change`);
      if (++links > MAX_LINKS) throw new Error("it leads through too many links");
      const target = await readlink(`${pathOf(here)}/${name}`);
      names.unshift(...namesOf(target));
      if (!isAbsolute(target)) continue;
      await here.close();
      here = await open("/", PLACE);
    }
    return here;
  } catch (error) {
    await here.close();
    throw error;
  }
}

function namesOf(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}

function isOurs(uid: number): boolean {
  return uid === 0 || uid === process.geteuid?.();
}

function pathOf({ fd }: FileHandle): string {
  return `/proc/${String(process.pid)}/fd/${String(fd)}`;
}

/** O_PATH (asm-generic/fcntl.h), which Node does not name. */
const PLACE = 0o10_000_000 | constants.O_NOFOLLOW;
const WRITABLE_BY_OTHERS = 0o022;
/** As many as the kernel follows. */
const MAX_LINKS = 40;
