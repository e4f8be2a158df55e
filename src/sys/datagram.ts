/** Datagram sockets of unix(7), which Node has none of. */

import { addressInMemory, check, checkAsync, close, declare, isErrno } from "./libc.ts";
import type { Peer } from "./peer.ts";

const cSocket = declare("int socket(int domain, int type, int protocol)");
const cBind = declare("int bind(int fd, const void *address, unsigned int size)");
const cSetsockopt = declare("int setsockopt(int fd, int level, int name, const void *value, unsigned int size)");
const cShutdown = declare("int shutdown(int fd, int how)");
const cRecvmsg = declare("intptr_t recvmsg(int fd, void *message, int flags)");
const cSendto = declare(
  "intptr_t sendto(int fd, const void *buffer, size_t length, int flags, const void *address, unsigned int size)",
);

const AF_UNIX = 1;
// asm-generic: SOCK_DGRAM, SOCK_CLOEXEC
const DATAGRAM = 2 | 0o2_000_000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x4000_0000;

/** struct sockaddr_un: the family, then the path; an abstract name begins with a NUL ("@" here) and has no end. */
export function unixAddress(socket: string): Buffer {
  const isAbstract = socket.startsWith("@");
  const name = isAbstract ? Buffer.from(`\0${socket.slice(1)}`) : Buffer.from(`${socket}\0`);
  const family = Buffer.alloc(2);
  family.writeUInt16LE(AF_UNIX);
  return Buffer.concat([family, name]);
}

/** Sends one datagram, from a socket without a name. */
export function sendDatagram(message: Buffer, address: Buffer): void {
  const fd = check("socket", cSocket(AF_UNIX, DATAGRAM, 0));
  try {
    check("sendto", cSendto(fd, message, message.byteLength, MSG_NOSIGNAL, address, address.byteLength));
  } finally {
    close(fd);
  }
}

export interface Datagram {
  /** One byte more than the limit when it is larger. */
  readonly bytes: Buffer;
  /** Where it came from, to be answered; undefined when its sender has no abstract name. */
  readonly from: Buffer | undefined;
  /** Of the sender, by the kernel's word; undefined when there is none. */
  readonly peer: Peer | undefined;
}

// struct msghdr of 64-bit Linux (56 bytes), and behind it what it points at.
const [IOV, NAME, NAME_ROOM, CONTROL, DATA] = [64, 80, 112, 192, 256];
// One struct ucred and not a byte more: descriptors that are sent along would be ours to close, and do not fit.
const CONTROL_ROOM = 32;

/** A datagram socket with an abstract name, which tells who has sent what. */
export class DatagramSocket {
  readonly #fd: number;
  readonly #maxBytes: number;
  readonly #buffer: Buffer;
  #receiving: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  /** @throws SystemCallError EADDRINUSE */
  constructor(name: string, maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#buffer = Buffer.alloc(DATA + maxBytes + 1);
    this.#fd = check("socket", cSocket(AF_UNIX, DATAGRAM, 0));
    try {
      // asm-generic/socket.h
      const [SOL_SOCKET, SO_PASSCRED] = [1, 16];
      const yes = Buffer.from([1, 0, 0, 0]);
      check("setsockopt", cSetsockopt(this.#fd, SOL_SOCKET, SO_PASSCRED, yes, yes.byteLength));
      const address = unixAddress(`@${name}`);
      check("bind", cBind(this.#fd, address, address.byteLength));
    } catch (error) {
      close(this.#fd);
      throw error;
    }
    // At its end the process joins its worker threads: one that waits for a datagram would wait for ever.
    process.once("exit", this.#wake);
  }

  /**
   * The next datagram; undefined once it is closed. A worker thread sleeps in recvmsg(2), so that nothing wakes up while
   * nobody sends: neither libuv nor bun can poll a descriptor of this kind. It takes one of libuv's four threads, or of the
   * two or more of bun.
   */
  async receive(): Promise<Datagram | undefined> {
    while (!this.#isClosed) {
      this.#prepare();
      const receiving = checkAsync("recvmsg", cRecvmsg, this.#fd, this.#buffer, MSG_CMSG_CLOEXEC);
      this.#receiving = receiving.catch(() => undefined);
      try {
        const length = await receiving;
        // close() sets it meanwhile, which the compiler does not see.
        return this.#wasClosed() ? undefined : this.#read(length);
      } catch (error) {
        if (!isErrno(error, "EINTR")) throw error;
      }
    }
    return undefined;
  }

  /** @throws SystemCallError when the other is gone, or does not read */
  send(message: Buffer, address: Buffer): void {
    const flags = MSG_NOSIGNAL | MSG_DONTWAIT;
    check("sendto", cSendto(this.#fd, message, message.byteLength, flags, address, address.byteLength));
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    process.off("exit", this.#wake);
    this.#wake();
    await this.#receiving;
    close(this.#fd);
  }

  readonly #wake = (): void => {
    const SHUT_RD = 0;
    cShutdown(this.#fd, SHUT_RD);
  };

  #wasClosed(): boolean {
    return this.#isClosed;
  }

  #prepare(): void {
    const buffer = this.#buffer;
    const start = addressInMemory(buffer);
    buffer.fill(0, 0, DATA);
    buffer.writeBigUInt64LE(start + BigInt(NAME), 0);
    buffer.writeUInt32LE(NAME_ROOM, 8);
    buffer.writeBigUInt64LE(start + BigInt(IOV), 16);
    buffer.writeBigUInt64LE(1n, 24);
    buffer.writeBigUInt64LE(start + BigInt(CONTROL), 32);
    buffer.writeBigUInt64LE(BigInt(CONTROL_ROOM), 40);
    buffer.writeBigUInt64LE(start + BigInt(DATA), IOV);
    buffer.writeBigUInt64LE(BigInt(this.#maxBytes + 1), IOV + 8);
  }

  #read(length: number): Datagram {
    const buffer = this.#buffer;
    const nameLength = buffer.readUInt32LE(8);
    // The family, a NUL, a name. A path would be looked up as root, and may lead elsewhere by now.
    const isAbstract = nameLength > 3 && nameLength <= 110 && buffer[NAME + 2] === 0;
    const bytes = Buffer.from(buffer.subarray(DATA, DATA + length));
    const from = isAbstract ? Buffer.from(buffer.subarray(NAME, NAME + nameLength)) : undefined;
    return { bytes, from, peer: this.#peer() };
  }

  #peer(): Peer | undefined {
    const buffer = this.#buffer;
    const [SOL_SOCKET, SCM_CREDENTIALS] = [1, 2];
    // struct cmsghdr: the length as a word, level, type; then struct ucred.
    const isThere =
      buffer.readBigUInt64LE(40) >= 28n &&
      buffer.readInt32LE(CONTROL + 8) === SOL_SOCKET &&
      buffer.readInt32LE(CONTROL + 12) === SCM_CREDENTIALS;
    if (!isThere) return undefined;
    const at = CONTROL + 16;
    return { pid: buffer.readInt32LE(at), uid: buffer.readUInt32LE(at + 4), gid: buffer.readUInt32LE(at + 8) };
  }
}
