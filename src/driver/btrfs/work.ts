import type { DriverDeps } from "../driver.ts";
import type { VolumeLock } from "./lock.ts";
import type { Place } from "./place.ts";

/** What a change to a volume works with. */
export interface Work {
  readonly place: Place;
  readonly lock: VolumeLock;
  readonly deps: DriverDeps;
}
