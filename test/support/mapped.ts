import { closeSync, fstatSync, openSync } from "node:fs";

import koffi from "koffi";

const [PROT_READ, MAP_SHARED] = [1, 1];

const libc = koffi.load(null);
const mmap = libc.func(
  "void *mmap(void *address, size_t length, int protection, int flags, int fd, int64_t offset)",
) as (address: null, length: number, protection: number, flags: number, fd: number, offset: number) => unknown;
const munmap = libc.func("int munmap(void *address, size_t length)") as (address: unknown, length: number) => number;

export interface Mapping {
  read(): string;
  close(): void;
}

/** Maps a file as it is now, and for as long as it is not closed. */
export function mapFile(file: string): Mapping {
  const fd = openSync(file, "r");
  const { size } = fstatSync(fd);
  const address = mmap(null, size, PROT_READ, MAP_SHARED, fd, 0);
  closeSync(fd);
  return {
    read: () => Buffer.from(koffi.view(address, size)).toString("latin1"),
    close: () => void munmap(address, size),
  };
}

/** What a mapping of a file shows, which is not what read(2) gives when the kernel serves pages that it should not have. */
export function readMapped(file: string): string {
  const mapping = mapFile(file);
  try {
    return mapping.read();
  } finally {
    mapping.close();
  }
}
