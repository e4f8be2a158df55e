import { sendDatagram, unixAddress } from "./datagram.ts";
import { check, declare } from "./libc.ts";

const cClockGettime = declare("int clock_gettime(int clock, void *time)");

/**
 * sd_notify(3): tells systemd, by a datagram to the socket that it named in NOTIFY_SOCKET; nothing when it named none.
 *
 * @param socket a path, or "@" and an abstract name
 * @example
 * notify(process.env["NOTIFY_SOCKET"], { READY: "1", STATUS: "Serving 1 volume" });
 */
export function notify(socket: string | undefined, variables: Readonly<Record<string, string>>): void {
  if (socket === undefined || !/^[/@]./.test(socket)) return;
  const text = Object.entries(variables).map(([name, value]) => `${name}=${value.replaceAll("\n", " ")}`);
  sendDatagram(Buffer.from(text.join("\n")), unixAddress(socket));
}

/** CLOCK_MONOTONIC, which systemd compares with its own. */
export function monotonicMicroseconds(): bigint {
  const CLOCK_MONOTONIC = 1;
  // struct timespec of 64-bit Linux: seconds, nanoseconds
  const time = Buffer.alloc(16);
  check("clock_gettime", cClockGettime(CLOCK_MONOTONIC, time));
  return time.readBigInt64LE(0) * 1_000_000n + time.readBigInt64LE(8) / 1000n;
}
