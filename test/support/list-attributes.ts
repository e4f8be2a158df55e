import koffi from "koffi";

const flistxattr = koffi.load(null).func("intptr_t flistxattr(int fd, void *list, size_t size)") as (
  fd: number,
  list: Uint8Array,
  size: number,
) => number;

/** The names of the extended attributes of an open file: the product asks for those it knows only. */
export function listAttributes(fd: number): string[] {
  // XATTR_LIST_MAX of linux/limits.h: no list is longer.
  const list = Buffer.alloc(65_536);
  const length = flistxattr(fd, list, list.byteLength);
  if (length < 0) throw new Error(`flistxattr failed: errno ${String(koffi.errno())}`);
  return list.toString("utf8", 0, length).split("\0").slice(0, -1);
}
