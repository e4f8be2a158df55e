import { constants, type Dirent, type Stats } from "node:fs";
import { type FileHandle, lstat, open, opendir } from "node:fs/promises";

/** What has a name in a folder. "other" is what holds no data: a socket, a pipe, a device. */
export type Kind = "file" | "folder" | "link" | "other";

export interface Entry {
  readonly name: string;
  readonly kind: Kind;
}

/**
 * A folder of a tree, held open. Whoever may write to the tree can put a symbolic link in the place of any folder at any time,
 * and we are root: so a path is followed one name at a time, each from the folder that is open, and never through a link.
 * /proc/PID/fd/N/NAME is to Node what openat(2) is to C, and a program that is started can use it as well.
 */
export class Folder {
  /** What it is in: the same in all of a tree, but for what is mounted or nested there. */
  readonly device: bigint;
  readonly #handle: FileHandle;

  private constructor(handle: FileHandle, device: bigint) {
    this.#handle = handle;
    this.device = device;
  }

  /** The root of a tree; its path was given by whom we trust, and may be a link. */
  static async root(path: string): Promise<Folder> {
    return Folder.#of(await open(path, constants.O_RDONLY | constants.O_DIRECTORY));
  }

  static async #of(handle: FileHandle): Promise<Folder> {
    const { dev } = await handle.stat({ bigint: true });
    return new Folder(handle, dev);
  }

  /** The folder of that name; why not, when there is none. */
  async open(name: string): Promise<Folder | "missing" | "no-folder"> {
    try {
      return await Folder.#of(await open(this.at(name), ONLY_FOLDERS));
    } catch (error) {
      if (isCode(error, "ENOENT")) return "missing";
      if (isCode(error, "ENOTDIR", "ELOOP")) return "no-folder";
      throw error;
    }
  }

  /** The file of that name, for reading; undefined when there is none, or what is there is no file. */
  async openFile(name: string): Promise<FileHandle | undefined> {
    if ((await this.kindOf(name)) !== "file") return undefined;
    let handle: FileHandle;
    try {
      // Nor does it wait for a pipe that has taken its place since.
      handle = await open(this.at(name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch (error) {
      if (isCode(error, "ENOENT", "ELOOP", "ENXIO")) return undefined;
      throw error;
    }
    if ((await handle.stat()).isFile()) return handle;
    await handle.close();
    return undefined;
  }

  /** A path to what has that name here, for this process and those that it starts. */
  at(name: string): string {
    return `/proc/${String(process.pid)}/fd/${String(this.#handle.fd)}/${name}`;
  }

  async kindOf(name: string): Promise<Kind | undefined> {
    try {
      return kindOf(await lstat(this.at(name)));
    } catch (error) {
      if (isCode(error, "ENOENT")) return undefined;
      throw error;
    }
  }

  /** All that is in it, in no order. A name that is not UTF-8 is left out: nobody could ask for it. */
  async *entries(): AsyncGenerator<Entry> {
    for await (const entry of await opendir(this.at("."), { bufferSize: 1024 })) {
      if (!entry.name.includes("\uFFFD")) yield { name: entry.name, kind: kindOf(entry) };
    }
  }

  /** Gives it the owner and the mode of another. */
  async likeThat(other: Folder): Promise<void> {
    const [now, wanted] = await Promise.all([this.#handle.stat(), other.#handle.stat()]);
    if (now.uid !== wanted.uid || now.gid !== wanted.gid) await this.#handle.chown(wanted.uid, wanted.gid);
    await this.#handle.chmod(wanted.mode & 0o7777);
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

export function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && typeof error.code === "string" && codes.includes(error.code);
}

const ONLY_FOLDERS = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

function kindOf(entry: Dirent | Stats): Kind {
  if (entry.isFile()) return "file";
  if (entry.isDirectory()) return "folder";
  return entry.isSymbolicLink() ? "link" : "other";
}
