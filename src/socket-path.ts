import { BtmError } from "./errors.ts";
import { show } from "./height.ts";

/** Where the daemon listens unless told otherwise. */
export const DEFAULT_SOCKET = "/run/btm/btm.sock";

/** sun_path of unix(7) has 108 bytes, its NUL counted. */
const MAX_BYTES = 107;

/** @throws BtmError BAD_OPTION */
export function checkSocketPath(input: unknown): string {
  const wanted = `expected an absolute path of at most ${String(MAX_BYTES)} bytes`;
  const isGood =
    typeof input === "string" &&
    input.startsWith("/") &&
    !input.endsWith("/") &&
    // Control characters would forge a line of a log, and a NUL would cut the path.
    !/\p{Cc}/u.test(input) &&
    input.isWellFormed() &&
    Buffer.byteLength(input) <= MAX_BYTES;
  if (isGood) return input;
  throw new BtmError("BAD_OPTION", `Cannot use the socket ${show(input)}: ${wanted}`);
}
