import { BtmError, isBtmError } from "../../errors.ts";
import { SystemCallError } from "../../sys/libc.ts";

/**
 * What a failed system call means to the user. `action` completes "Cannot ...".
 */
export function explain(action: string, error: unknown): Error {
  if (isBtmError(error)) return error;
  if (!(error instanceof SystemCallError)) {
    return error instanceof Error ? error : new Error(String(error));
  }
  const fail = (code: ConstructorParameters<typeof BtmError>[0], what: string, hint: string): BtmError =>
    new BtmError(code, `Cannot ${action}: ${what}`, {
      hint,
      cause: error,
      details: { call: error.call, errno: error.errnoName },
    });
  switch (error.errnoName) {
    case "EPERM":
    case "EACCES":
      return fail("PERMISSION_DENIED", `${error.call} is not permitted`, "Run it as root");
    case "ENOSPC":
    case "EDQUOT":
      return fail(
        "NO_SPACE",
        "no space is left on the file system",
        "Remove snapshots with btm clean --kept N, which needs next to no space, then try again",
      );
    case "EROFS":
      return fail(
        "READ_ONLY",
        "the file system is read-only",
        "Mount it read-write; if the kernel made it read-only after an error, look at dmesg first",
      );
    case "ETXTBSY":
      return fail(
        "BLOCKED",
        "the volume holds an active swap file",
        "Turn it off with swapoff, or move it to another subvolume",
      );
    default:
      return fail(
        "SYSTEM_ERROR",
        error.message,
        "This is not a failure that btm knows: please report it with this message",
      );
  }
}

/** Runs `work`; what the kernel refuses in it becomes an error for the user. */
export async function explained<T>(action: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw explain(action, error);
  }
}
