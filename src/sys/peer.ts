import { check, declare } from "./libc.ts";

/** Who is at the other end of a Unix socket, as the kernel saw it at connect(2). */
export interface Peer {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

const cGetsockopt = declare("int getsockopt(int fd, int level, int name, void *value, void *length)");

/** SO_PEERCRED of unix(7). */
export function peerOf(fd: number): Peer {
  // asm-generic/socket.h
  const SOL_SOCKET = 1;
  const SO_PEERCRED = 17;
  // struct ucred: pid, uid, gid, 32 bits each
  const credentials = Buffer.alloc(12);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(credentials.byteLength);
  check("getsockopt", cGetsockopt(fd, SOL_SOCKET, SO_PEERCRED, credentials, length));
  return { pid: credentials.readInt32LE(0), uid: credentials.readUInt32LE(4), gid: credentials.readUInt32LE(8) };
}
