import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { killFixtures } from "./fixture.ts";
import { run } from "./run.ts";

export interface ImageOptions {
  /** The image is sparse; mkfs.btrfs wants 109 MiB at least. */
  readonly sizeMiB?: number;
  /** The name of the directory that holds the mount points. */
  readonly folderName?: string;
  /** Data and metadata share their space, so that a small disk can be filled to the last block. */
  readonly isMixed?: boolean;
  /** Told of the folder as soon as the watchdog knows it. */
  readonly onFolder?: (folder: string) => void;
}

/**
 * A Btrfs of its own on a loop device, its top level mounted at {@link top}. Whatever becomes of this process, a watchdog
 * takes it all down.
 */
export class BtrfsImage {
  /** Everything of this image is below it. */
  readonly folder: string;
  /** Where mount points are made. */
  readonly mounts: string;
  /** The top level of the file system. */
  readonly top: string;
  readonly device: string;
  readonly #watchdog: ChildProcess;

  private constructor(folder: string, mounts: string, device: string, watchdog: ChildProcess) {
    this.folder = folder;
    this.mounts = mounts;
    this.top = join(mounts, "top");
    this.device = device;
    this.#watchdog = watchdog;
  }

  static async make(options: ImageOptions = {}): Promise<BtrfsImage> {
    const { sizeMiB = 300, folderName = "mounts", isMixed = false } = options;
    const folder = await mkdtemp(join(tmpdir(), "btm-image-"));
    // Before there is anything to take down.
    const watchdog = spawn(process.execPath, [WATCHDOG, folder], {
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
    });
    options.onFolder?.(folder);
    try {
      const file = join(folder, "image");
      const handle = await open(file, "w");
      await handle.truncate(sizeMiB * 1024 * 1024);
      await handle.close();
      await run("mkfs.btrfs", ["-q", ...(isMixed ? ["--mixed"] : []), file]);
      const device = (await run("losetup", ["--find", "--show", file])).trim();
      const image = new BtrfsImage(folder, join(folder, folderName), device, watchdog);
      // The cleaner of deleted subvolumes wakes with the commits: every second, not every thirty.
      await image.mountAt("top", "/", ["commit=1"]);
      return image;
    } catch (error) {
      await stop(watchdog);
      throw error;
    }
  }

  /** Mounts a subvolume by name at a mount point of that name; returns its path. */
  async mountAt(name: string, subvolume: string, options: readonly string[] = []): Promise<string> {
    const mountPoint = join(this.mounts, name);
    await mkdir(mountPoint, { recursive: true });
    const all = [`subvol=${subvolume}`, ...options].join(",");
    await run("mount", ["-t", "btrfs", "-o", all, "--", this.device, mountPoint]);
    return mountPoint;
  }

  /** Makes a subvolume; the directories above it as needed. */
  async makeSubvolume(path: string): Promise<string> {
    const full = join(this.top, path);
    await mkdir(join(full, ".."), { recursive: true });
    await run("btrfs", ["subvolume", "create", "--", full]);
    return full;
  }

  /** Takes everything down. */
  async dispose(): Promise<void> {
    await killFixtures();
    const status = await stop(this.#watchdog);
    if (status !== 0) throw new Error(`Something is left of ${this.folder}: the watchdog ended with ${String(status)}`);
  }
}

async function stop(watchdog: ChildProcess): Promise<number | null> {
  const ended = once(watchdog, "exit");
  watchdog.stdin?.end();
  await ended;
  return watchdog.exitCode;
}

const WATCHDOG = fileURLToPath(new URL("watchdog.ts", import.meta.url));
