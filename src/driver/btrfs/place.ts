import { join } from "node:path";

import { BtmError } from "../../errors.ts";
import { subvolumeInfo } from "../../sys/btrfs.ts";
import { identityOf, isSameFile, withDirectory } from "../../sys/directory.ts";
import { AT_FDCWD } from "../../sys/libc.ts";
import { type Mount, readMounts } from "../../sys/mounts.ts";
import { quote } from "../../text.ts";

/** Where a volume is, and how to work beside it. */
export interface Place {
  /** The path of the volume, without symbolic links. */
  readonly path: string;
  /** Its name in the directory that holds it, and the base of the names of its snapshots. */
  readonly base: string;
  /** An open descriptor of that directory: all work is done relative to it. */
  readonly parent: number;
  /** The path of that directory; undefined when the volume is a mount point and no mount of ours shows it. */
  readonly parentPath: string | undefined;
  /** The mount whose root is the volume (a line like /data with subvol=data in fstab); undefined when it has none. */
  readonly mount: Mount | undefined;
  /** The uuid of the subvolume that the name leads to. */
  readonly uuid: string;
  /** The mount still shows the live state that an interrupted rollback moved aside. */
  readonly isStale: boolean;
  close(): void;
}

/** Whether the place is as it was found: another btm may have rolled the volume back meanwhile. */
export function isCurrent(place: Place): boolean {
  if (withDirectory(place.parent, place.base, subvolumeInfo).uuid !== place.uuid) return false;
  return place.mount === undefined || withDirectory(AT_FDCWD, place.path, identityOf).mountId === place.mount.id;
}

/** The mount through which the volume or what lies beside it is seen. */
export function mountOf(place: Place): Mount | undefined {
  if (place.mount !== undefined) return place.mount;
  const { mountId } = identityOf(place.parent);
  return readMounts().find((candidate) => candidate.id === mountId);
}

/** The path of the volume inside its file system. */
export function volumeRoot(place: Place): string {
  if (place.mount !== undefined) {
    return place.isStale ? place.mount.root.split("/").slice(0, -3).join("/") + `/${place.base}` : place.mount.root;
  }
  const mount = mountOf(place);
  if (mount === undefined) return place.path;
  const below = mount.mountPoint === "/" ? place.path : place.path.slice(mount.mountPoint.length);
  return join(mount.root, below);
}

/** A descriptor opened by path is of the volume only if the parent agrees: a bind mount or a race would differ. */
export function mustBeChild(place: Omit<Place, "close">, root: number): void {
  const child = withDirectory(place.parent, place.base, identityOf);
  if (!isSameFile(child, identityOf(root))) {
    throw new BtmError(
      "NOT_A_SUBVOLUME",
      `Cannot use the volume ${quote(place.path)}: its directory shows another one under its name`,
      {
        hint: "It was renamed or mounted over in this moment: try again",
      },
    );
  }
}
