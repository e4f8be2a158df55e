import { withDirectory } from "../../sys/directory.ts";
import type { Snapshot, UndoPoint } from "../driver.ts";
import { asideName, LIVE, undoName } from "./names.ts";
import type { Place } from "./place.ts";

/** A path that leads to an open directory, for this process and others of root. */
export function descriptorPath(fd: number): string {
  return `/proc/${String(process.pid)}/fd/${String(fd)}`;
}

/** Opens the root of a state, as long as `use` takes. No mount need show it. */
export function withTree<T>(
  place: Place,
  state: "live" | Snapshot | UndoPoint,
  use: (folder: string) => Promise<T>,
): Promise<T> {
  return withDirectory(place.parent, pathOfState(place, state), (fd) => use(descriptorPath(fd)));
}

function pathOfState(place: Place, state: "live" | Snapshot | UndoPoint): string {
  if (state === "live") return place.base;
  if ("height" in state) return state.name;
  return `${asideName(place.base)}/${undoName(state.number)}/${LIVE}`;
}
