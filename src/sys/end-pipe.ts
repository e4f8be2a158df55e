/** A pipe, pipe(7), by which another process notices our end: the kernel closes what we had open, whatever we die of. */
import { closeSync, writeSync } from "node:fs";

import { check, declare, ioctl } from "./libc.ts";

const cPipe2 = declare("int pipe2(void *descriptors, int flags)");

// asm-generic/fcntl.h and ioctls.h, which x86-64 and arm64 share
const O_NONBLOCK = 0o4_000;
const O_CLOEXEC = 0o2_000_000;
const FIONREAD = 0x541b;

/** The end that writes, which no program that we start inherits. */
export class EndPipe {
  readonly #reader: number;
  readonly #writer: number;
  #isReaderOpen = true;
  #isWriterOpen = true;

  constructor() {
    const descriptors = Buffer.alloc(8);
    check("pipe2", cPipe2(descriptors, O_CLOEXEC | O_NONBLOCK));
    this.#reader = descriptors.readInt32LE(0);
    this.#writer = descriptors.readInt32LE(4);
  }

  /**
   * What another process opens to read, once (proc(5)): it is there until {@link handOver}, and not when we are gone. A named
   * pipe would keep who opens it waiting for us for ever (fifo(7)).
   */
  get path(): string {
    return `/proc/${String(process.pid)}/fd/${String(this.#reader)}`;
  }

  /** Whether all that was written is read: by the other, for we do not. */
  get isRead(): boolean {
    const length = Buffer.alloc(4);
    ioctl("ioctl", this.#writer, FIONREAD, length);
    return length.readInt32LE(0) === 0;
  }

  /** From now on there is no other reader than that one. */
  handOver(): void {
    if (!this.#isReaderOpen) return;
    this.#isReaderOpen = false;
    closeSync(this.#reader);
  }

  /** Whether there is a reader; what it does with it is its own matter. The text must be short: it is written at once. */
  write(text: string): boolean {
    if (!this.#isWriterOpen) return false;
    try {
      return writeSync(this.#writer, text) === Buffer.byteLength(text);
    } catch (error) {
      // Nobody reads, or has read for long.
      if (isCode(error, "EPIPE") || isCode(error, "EAGAIN")) return false;
      throw error;
    }
  }

  close(): void {
    this.handOver();
    if (!this.#isWriterOpen) return;
    this.#isWriterOpen = false;
    closeSync(this.#writer);
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
