import { fileSystemId } from "../../sys/libc.ts";
import type { Snapshot } from "../driver.ts";
import type { Listing } from "./listing.ts";
import type { Place } from "./place.ts";

/**
 * What was last seen of a dataset, so that a due snapshot costs one command and not two. It serves to decide whether a
 * height is due, no more: others' changes are not in it.
 *
 * It holds for the dataset that is mounted, by the identity of its file system: another one of that name has another. (The
 * number of a mount is none: the kernel gives it again.) Of what is not mounted nothing is remembered.
 *
 * A journal that another process has written is seen with the next look only. It matters when the volume is not mounted,
 * and then nothing is remembered.
 */
export class Memory {
  #listing: Listing | undefined;
  #of: string | undefined;

  recall(place: Place): Listing | undefined {
    return this.#of !== undefined && this.#of === keyOf(place) ? this.#listing : undefined;
  }

  learn(place: Place, listing: Listing): void {
    this.#of = keyOf(place);
    this.#listing = listing;
  }

  /** Adds one that was just taken; its guid is not known, and nobody who destroys goes by memory. */
  add(place: Place, taken: Pick<Snapshot, "height" | "name" | "mark" | "createdAt">): void {
    const listing = this.recall(place);
    if (listing === undefined) return;
    const snapshots = [
      ...listing.snapshots,
      { ...taken, path: undefined, pinned: false, note: undefined, neededBy: [], uuid: "" },
    ];
    this.#listing = { ...listing, snapshots: snapshots.sort((a, b) => (a.height < b.height ? -1 : 1)) };
  }

  forget(place: Place): void {
    if (this.#of === keyOf(place)) this.#listing = undefined;
  }
}

function keyOf({ dataset, mount }: Place): string | undefined {
  if (mount === undefined) return undefined;
  try {
    return `${String(fileSystemId(mount.mountPoint))} ${dataset}`;
  } catch {
    // Unmounted meanwhile.
    return undefined;
  }
}
