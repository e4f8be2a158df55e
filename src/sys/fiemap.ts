import { ioctl } from "./libc.ts";

/** FS_IOC_FIEMAP: _IOWR('f', 11, struct fiemap) of linux/fs.h, and the layout of linux/fiemap.h. */
const FS_IOC_FIEMAP = 0xc020_660b;
const HEADER_BYTES = 32;
const EXTENT_BYTES = 56;
const EXTENTS = 512;
const EXTENT_LAST = 0x1;
/** What has no place on the disk of its own: not allocated yet, or inline in the metadata. */
const NO_PLACE = 0x2 | 0x4 | 0x200;
const EXTENT_SHARED = 0x2000;

/** How many bytes of a file no other file, and no snapshot, shares with it. */
export function exclusiveBytes(fd: number): bigint {
  const buffer = Buffer.alloc(HEADER_BYTES + EXTENTS * EXTENT_BYTES);
  let [start, bytes] = [0n, 0n];
  for (;;) {
    buffer.fill(0, 0, HEADER_BYTES);
    // u64 start, u64 length, u32 flags, u32 mapped extents, u32 extent count
    buffer.writeBigUInt64LE(start, 0);
    buffer.writeBigUInt64LE(2n ** 64n - 1n - start, 8);
    buffer.writeUInt32LE(EXTENTS, 24);
    ioctl("FS_IOC_FIEMAP", fd, FS_IOC_FIEMAP, buffer);
    const mapped = buffer.readUInt32LE(20);
    for (let i = 0; i < mapped; i++) {
      const at = HEADER_BYTES + i * EXTENT_BYTES;
      const [logical, length] = [buffer.readBigUInt64LE(at), buffer.readBigUInt64LE(at + 16)];
      const flags = buffer.readUInt32LE(at + 40);
      if ((flags & (EXTENT_SHARED | NO_PLACE)) === 0) bytes += length;
      if ((flags & EXTENT_LAST) !== 0) return bytes;
      start = logical + length;
    }
    if (mapped === 0) return bytes;
  }
}
