import type { Look } from "./events.ts";
import type { Content } from "./log.ts";

/** A disk, which is a file, with one volume. */
export interface Disk {
  /** What btm may be given for the volume: a path, a name. */
  readonly names: readonly string[];
  /** Where the live files are. */
  readonly path: string;
  /** Makes the file system and the volume, and mounts it. */
  make(): Promise<void>;
  /** Finds it after a boot, and mounts what the system would. Tells what is wrong with it. */
  find(): Promise<string[]>;
  /** What is live; undefined when nothing is. */
  live(): Promise<Content | undefined>;
  /** What a snapshot of the volume holds. */
  contentAt(height: number): Content;
  look(): Promise<Look>;
  /** Writes out all that was done. Not asynchronous: nothing is to happen meanwhile. */
  flush(): void;
}
