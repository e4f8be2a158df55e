import { type Mount, readMounts } from "../../sys/mounts.ts";

/** Where a dataset is at the moment. */
export interface Place {
  readonly dataset: string;
  /** Its mount; undefined when it has none that is to be seen from here, as a zvol. */
  readonly mount: Mount | undefined;
  /** All mounts, in the order of mounting. */
  readonly mounts: readonly Mount[];
}

export function placeOf(dataset: string): Place {
  const mounts = readMounts();
  return { dataset, mount: mounts.find((mount) => isMountOf(mount, dataset) && mount.root === "/"), mounts };
}

/** The mount of a whole dataset at one place, as it is at the moment. */
export function mountAt(dataset: string, mountPoint: string): Mount | undefined {
  return readMounts().findLast((mount) => isMountOf(mount, dataset) && mount.mountPoint === mountPoint);
}

export function isMountOf(mount: Mount, dataset: string): boolean {
  return mount.type === "zfs" && mount.source === dataset;
}

/** Whether a path lies inside a folder. */
export function isInside(path: string, folder: string): boolean {
  return path.startsWith(folder === "/" ? "/" : `${folder}/`) && path !== folder;
}

/** Where the files of a dataset are seen in a snapshot (zfsconcepts(7), "Snapshots"). */
export function snapshotPath(place: Place, height: bigint): string | undefined {
  if (place.mount === undefined) return undefined;
  const { mountPoint } = place.mount;
  return `${mountPoint === "/" ? "" : mountPoint}/.zfs/snapshot/${String(height)}`;
}
