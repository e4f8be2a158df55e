/**
 * The Btrfs ioctls that btm uses, as functions. Layouts and numbers: include/uapi/linux/btrfs.h. The size of each struct
 * is part of its request number, so the kernel itself refuses (ENOTTY) a wrong one.
 */
import { ioctl, ioctlAsync, isErrno } from "./libc.ts";

/** The inode of the root of every subvolume (BTRFS_FIRST_FREE_OBJECTID). */
export const SUBVOLUME_INODE = 256n;
/** The id of the top-level subvolume (BTRFS_FS_TREE_OBJECTID). */
export const TOP_LEVEL_ID = 5n;

const MAGIC = 0x94;
const request = (direction: 1 | 2 | 3, number: number, size: number): number =>
  ((direction << 30) | (size << 16) | (MAGIC << 8) | number) >>> 0;
const [WRITE, READ, BOTH] = [1, 2, 3] as const;

const VOL_ARGS_SIZE = 4096;
const SUBVOL_INFO_SIZE = 504;
const ROOTREF_SIZE = 4096;
const INO_LOOKUP_USER_SIZE = 4096;

/** Request numbers, exported for the test that holds them against the header. */
export const requests = {
  DEFAULT_SUBVOL: request(WRITE, 19, 8),
  SNAP_CREATE_V2: request(WRITE, 23, VOL_ARGS_SIZE),
  SUBVOL_GETFLAGS: request(READ, 25, 8),
  SUBVOL_SETFLAGS: request(WRITE, 26, 8),
  GET_SUBVOL_INFO: request(READ, 60, SUBVOL_INFO_SIZE),
  GET_SUBVOL_ROOTREF: request(BOTH, 61, ROOTREF_SIZE),
  INO_LOOKUP_USER: request(BOTH, 62, INO_LOOKUP_USER_SIZE),
  SNAP_DESTROY_V2: request(WRITE, 63, VOL_ARGS_SIZE),
} as const;

const SUBVOL_RDONLY = 2n;
const SUBVOL_SPEC_BY_ID = 16n;

export interface SubvolumeInfo {
  /** Unique in the file system and never used again. */
  readonly id: bigint;
  readonly readOnly: boolean;
  readonly uuid: string;
  /** Of the subvolume this is a snapshot of; undefined when it is none. */
  readonly parentUuid: string | undefined;
  /** Of the subvolume this was received from (btrfs receive); undefined when it was not. */
  readonly receivedUuid: string | undefined;
  readonly createdAt: Date;
  /** The transaction that made it. */
  readonly createdIn: bigint;
  /** The transaction that last changed anything in it. */
  readonly changedIn: bigint;
}

/** Needs no privilege (Linux 4.18). The descriptor may be of any directory of the subvolume. */
export function subvolumeInfo(fd: number): SubvolumeInfo {
  ioctl("BTRFS_IOC_GET_SUBVOL_INFO", fd, requests.GET_SUBVOL_INFO, info);
  return {
    id: info.readBigUInt64LE(0),
    readOnly: (info.readBigUInt64LE(288) & 1n) === 1n,
    uuid: uuidAt(296) ?? "",
    parentUuid: uuidAt(312),
    receivedUuid: uuidAt(328),
    createdIn: info.readBigUInt64LE(352),
    changedIn: info.readBigUInt64LE(344),
    createdAt: new Date(Number(info.readBigUInt64LE(392)) * 1000 + Math.floor(info.readUInt32LE(400) / 1e6)),
  };
}

const info = Buffer.alloc(SUBVOL_INFO_SIZE);

function uuidAt(offset: number): string | undefined {
  const hex = info.toString("hex", offset, offset + 16);
  if (/^0+$/.test(hex)) return undefined;
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/**
 * Makes a snapshot as an entry of a directory. A snapshot is a commit of the whole file system, seconds on a busy disk,
 * so this is always asynchronous.
 *
 * @param directory an open directory of the same file system
 * @param source the root of the subvolume
 */
export async function createSnapshot(
  directory: number,
  name: string,
  source: number,
  options: { readonly readOnly: boolean },
): Promise<void> {
  const args = volArgs(name);
  args.writeBigInt64LE(BigInt(source), 0);
  args.writeBigUInt64LE(options.readOnly ? SUBVOL_RDONLY : 0n, 16);
  await ioctlAsync("BTRFS_IOC_SNAP_CREATE_V2", directory, requests.SNAP_CREATE_V2, args);
}

/**
 * Destroys a subvolume by its id: the one that was looked at, whatever the name leads to by now. The entry goes at once,
 * the space later. Linux 5.7, CAP_SYS_ADMIN.
 */
export async function destroySubvolume(directory: number, id: bigint): Promise<void> {
  const args = Buffer.alloc(VOL_ARGS_SIZE);
  args.writeBigUInt64LE(SUBVOL_SPEC_BY_ID, 16);
  args.writeBigUInt64LE(id, VOL_ARGS_NAME);
  await ioctlAsync("BTRFS_IOC_SNAP_DESTROY_V2", directory, requests.SNAP_DESTROY_V2, args);
}

/** Makes a subvolume the one that is shown when the file system is mounted without subvol= (CAP_SYS_ADMIN). */
export async function setDefaultSubvolume(fd: number, id: bigint): Promise<void> {
  const argument = Buffer.alloc(8);
  argument.writeBigUInt64LE(id, 0);
  await ioctlAsync("BTRFS_IOC_DEFAULT_SUBVOL", fd, requests.DEFAULT_SUBVOL, argument);
}

/** Turns the read-only flag of a subvolume on or off. */
export async function setReadOnly(fd: number, readOnly: boolean): Promise<void> {
  const flags = Buffer.alloc(8);
  ioctl("BTRFS_IOC_SUBVOL_GETFLAGS", fd, requests.SUBVOL_GETFLAGS, flags);
  const old = flags.readBigUInt64LE(0);
  flags.writeBigUInt64LE(readOnly ? old | SUBVOL_RDONLY : old & ~SUBVOL_RDONLY, 0);
  await ioctlAsync("BTRFS_IOC_SUBVOL_SETFLAGS", fd, requests.SUBVOL_SETFLAGS, flags);
}

/**
 * The paths, relative to the subvolume, of the subvolumes directly inside it. A snapshot shows each as an empty
 * directory only.
 *
 * @param fd the root of the subvolume
 */
export function nestedSubvolumes(fd: number): string[] {
  const paths: string[] = [];
  const refs = Buffer.alloc(ROOTREF_SIZE);
  let least = 0n;
  for (;;) {
    refs.fill(0);
    refs.writeBigUInt64LE(least, 0);
    let more = false;
    try {
      ioctl("BTRFS_IOC_GET_SUBVOL_ROOTREF", fd, requests.GET_SUBVOL_ROOTREF, refs);
    } catch (error) {
      // The buffer is full (255 of them) and there are more from min_treeid on, which the kernel has set.
      if (!isErrno(error, "EOVERFLOW")) throw error;
      more = true;
    }
    for (let i = 0; i < refs.readUInt8(ROOTREF_COUNT); i++) {
      paths.push(nestedPath(fd, refs.readBigUInt64LE(8 + 16 * i), refs.readBigUInt64LE(16 + 16 * i)));
    }
    if (!more) return paths;
    least = refs.readBigUInt64LE(0);
  }
}

function nestedPath(fd: number, id: bigint, directoryInode: bigint): string {
  const lookup = Buffer.alloc(INO_LOOKUP_USER_SIZE);
  lookup.writeBigUInt64LE(directoryInode, 0);
  lookup.writeBigUInt64LE(id, 8);
  try {
    ioctl("BTRFS_IOC_INO_LOOKUP_USER", fd, requests.INO_LOOKUP_USER, lookup);
  } catch (error) {
    // Gone meanwhile, or not to be seen by us: it is there all the same.
    if (isErrno(error, "ENOENT", "EACCES")) return `subvolume id ${String(id)}`;
    throw error;
  }
  return cString(lookup, INO_LOOKUP_PATH) + cString(lookup, 16);
}

const VOL_ARGS_NAME = 56;
const ROOTREF_COUNT = 4088;
const INO_LOOKUP_PATH = 272;

function volArgs(name: string): Buffer {
  const args = Buffer.alloc(VOL_ARGS_SIZE);
  // BTRFS_SUBVOL_NAME_MAX is 4039 bytes and a NUL; the names that reach this are far shorter (volume-name.ts).
  if (Buffer.byteLength(name) > VOL_ARGS_SIZE - VOL_ARGS_NAME - 1 || name.includes("\0") || name.includes("/")) {
    throw new RangeError("A name of a subvolume has 1 to 4039 bytes, without NUL and slash");
  }
  args.write(name, VOL_ARGS_NAME);
  return args;
}

function cString(buffer: Buffer, offset: number): string {
  return buffer.toString("utf8", offset, buffer.indexOf(0, offset));
}
