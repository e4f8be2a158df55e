import type { Snapshot } from "../driver.ts";
import type { Listing } from "./listing.ts";
import type { Place } from "./place.ts";

/**
 * What was last seen of a dataset, so that a due snapshot costs one command and not two. It serves to decide whether a
 * height is due, no more: others' changes are not in it.
 *
 * It holds for one mount: after a rollback, and for another dataset of that name, the mount is another. Of what is not
 * mounted nothing is remembered.
 */
export class Memory {
  #listing: Listing | undefined;
  #of = "";

  recall(place: Place): Listing | undefined {
    return this.#of === keyOf(place) ? this.#listing : undefined;
  }

  learn(place: Place, listing: Listing): void {
    this.#of = keyOf(place);
    this.#listing = place.mount === undefined ? undefined : listing;
  }

  /** Adds one that was just taken; its guid is not known, and nobody who destroys goes by memory. */
  add(place: Place, taken: Pick<Snapshot, "height" | "name" | "mark" | "createdAt">): void {
    const listing = this.recall(place);
    if (listing === undefined) return;
    const snapshots = [...listing.snapshots, { ...taken, path: undefined, pinned: false, uuid: "" }];
    this.#listing = { ...listing, snapshots: snapshots.sort((a, b) => (a.height < b.height ? -1 : 1)) };
  }

  forget(place: Place): void {
    if (this.#of === keyOf(place)) this.#listing = undefined;
  }
}

function keyOf({ dataset, mount }: Place): string {
  return `${String(mount?.id)} ${dataset}`;
}
