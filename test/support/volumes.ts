import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

import type { Capabilities } from "../../src/driver/driver.ts";
import type { Blocker } from "../../src/index.ts";
import { BtrfsImage, type ImageOptions } from "./btrfs-image.ts";
import { manifestOf, type ManifestOptions } from "./manifest.ts";
import { run } from "./run.ts";

/** A volume of a test, and what the test may do to it behind btm's back. */
export interface TestVolume {
  /** What btm is given. */
  readonly volume: string;
  /** The directory that shows the live files. */
  readonly path: string;
  /** A directory that shows the snapshots and all else that btm keeps of the volume. */
  readonly beside: string;
  write(file: string, text: string): void;
  read(file: string): string;
  /** Reads a file of a snapshot. */
  readAt(height: bigint | number, file: string): string;
  /** As the file system calls it. */
  snapshotName(height: bigint | number): string;
  /** Where a snapshot can be read. */
  snapshotPath(height: bigint | number): string;
  /** Where the live state that a rollback moved aside can be read, on file systems that keep it. */
  undoPath(number: number): string;
  /** Makes a snapshot as someone without btm would; writable when asked to, where snapshots can be. */
  snapshotByHand(height: bigint | number, options?: { readonly readOnly?: boolean }): Promise<void>;
  /** Puts something into the volume that no snapshot of it would hold; returns its path in the volume. */
  nest(): Promise<string>;
  /** What the live volume holds. */
  live(): string[];
  /** Everything that btm could have changed. */
  everything(options?: ManifestOptions): string[];
}

/** In what one file system may differ from another and still keep the contract. */
export interface Traits {
  readonly capabilities: Pick<Capabilities, "clonesNeedTheirSnapshot">;
  /** Newer snapshots that btm did not make go with the state that a rollback replaces; otherwise they stay. */
  readonly foreignIsMoved: boolean;
  /** How exactly the time of creation of a snapshot is known. */
  readonly timeResolutionMs: number;
  /** What something nested in a volume is called. */
  readonly nested: Blocker["kind"];
  /** Snapshots are shown inside the volume: who uses one uses the volume. */
  readonly snapshotsAreInside: boolean;
  /** How many snapshots at most are destroyed in one step. */
  readonly destroyedAtOnce: number;
  /** Every step starts a program, in the lab on a slow machine: what is repeated is repeated less. */
  readonly isSlow: boolean;
}

/** Where the contract suite gets its volumes from: one for each kind of file system and layout. */
export interface VolumeFactory {
  /** For the name of the suite. */
  readonly kind: string;
  readonly traits: Traits;
  open(): Promise<void>;
  make(): Promise<TestVolume>;
  close(): Promise<void>;
}

export interface BtrfsFactoryOptions extends ImageOptions {
  readonly kind: string;
  /** Whether the volume is a mount point itself (layout b) or a subvolume in a mounted directory (layout a). */
  readonly isMounted: boolean;
  /** The name of the subvolume. */
  readonly base?: string;
  /** Directories between the top level and the subvolume. */
  readonly folder?: string;
  readonly mountOptions?: readonly string[];
}

const btrfsTraits: Traits = {
  capabilities: { clonesNeedTheirSnapshot: false },
  foreignIsMoved: false,
  // The kernel stamps with a clock that ticks every 1 to 10 ms.
  timeResolutionMs: 20,
  nested: "nested-subvolume",
  snapshotsAreInside: false,
  destroyedAtOnce: 2,
  isSlow: false,
};

export function btrfsFactory(options: BtrfsFactoryOptions): VolumeFactory {
  let image: BtrfsImage | undefined;
  let made = 0;
  return {
    kind: options.kind,
    traits: btrfsTraits,
    open: async () => {
      image = await BtrfsImage.make(options);
    },
    make: () => {
      if (image === undefined) throw new TypeError("The factory is not open");
      return btrfsVolume(image, `${options.folder ?? "v"}${String(made++)}`, options);
    },
    close: async () => image?.dispose(),
  };
}

/** A volume alone in a directory of the image. */
export async function btrfsVolume(
  image: BtrfsImage,
  folder: string,
  options: Pick<BtrfsFactoryOptions, "isMounted" | "base" | "mountOptions">,
): Promise<TestVolume> {
  const { isMounted, base = "data", mountOptions = [] } = options;
  const inTop = await image.makeSubvolume(join(folder, base));
  const path = isMounted ? await image.mountAt(join("at", folder), join(folder, base), mountOptions) : inTop;
  return volumeOf(path, inTop);
}

/** @param inTop the same subvolume, seen through a mount that shows what is beside it */
export function volumeOf(path: string, inTop: string = path): TestVolume {
  const snapshotPath = (height: bigint | number): string => `${inTop}@${String(height)}`;
  return {
    ...filesOf(path),
    volume: path,
    beside: dirname(inTop),
    readAt: (height, file) => readFileSync(join(snapshotPath(height), file), "utf8"),
    snapshotName: (height) => basename(snapshotPath(height)),
    snapshotPath,
    undoPath: (number) => join(`${inTop}.btm`, `undo-${String(number)}`, "live"),
    snapshotByHand: async (height, { readOnly = true } = {}) => {
      const flag = readOnly ? ["-r"] : [];
      await run("btrfs", ["subvolume", "snapshot", ...flag, "--", inTop, snapshotPath(height)]);
    },
    nest: async () => {
      await run("btrfs", ["subvolume", "create", "--", join(path, "wallets")]);
      return "wallets";
    },
    everything: (manifestOptions) => manifestOf(dirname(inTop), manifestOptions),
  };
}

/** What can be done with the files of a volume, whatever it is. */
export function filesOf(path: string): Pick<TestVolume, "path" | "write" | "read" | "live"> {
  return {
    path,
    write: (file, text) => {
      mkdirSync(dirname(join(path, file)), { recursive: true });
      writeFileSync(join(path, file), text);
    },
    read: (file) => readFileSync(join(path, file), "utf8"),
    live: () => manifestOf(path),
  };
}
