import { nestedSubvolumes } from "../../sys/btrfs.ts";
import { withDirectory } from "../../sys/directory.ts";
import { quote } from "../../text.ts";
import type { Blocker } from "../driver.ts";
import type { Place } from "./locate.ts";

/** The subvolumes inside the volume or a snapshot beside it: a snapshot shows each as an empty directory only. */
export function nestedBlockers(place: Place, name: string): Blocker[] {
  return withDirectory(place.parent, name, nestedSubvolumes).map((path) => ({
    kind: "nested-subvolume",
    message: `${quote(name)} contains the subvolume ${quote(path)}, which a snapshot of it does not hold`,
    hint: "Make it a plain directory, or move it out of the volume",
  }));
}
