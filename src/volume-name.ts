import { BtmError } from "./errors.ts";
import { show } from "./height.ts";
import { quote } from "./text.ts";

/**
 * Checks the name of a volume as far as text alone can tell, and tidies doubled and trailing slashes.
 *
 * A name must work as an argument, as a line of output and as the base of "<volume>@<height>", so its last part has no
 * control characters. Directories above it may be called anything: nobody chooses the names of their mount points twice.
 *
 * @throws BtmError NO_VOLUME_GIVEN, BAD_VOLUME_NAME
 */
export function checkVolumeName(input: unknown): string {
  if (input === undefined || input === "") {
    throw new BtmError("NO_VOLUME_GIVEN", "No volume given: expected the path of a Btrfs subvolume", {
      hint: "Give it as --volume /data/blockchain, or set BTM_VOLUME",
    });
  }
  if (typeof input !== "string") throw bad(show(input), "expected text");
  if (input.includes("\0")) throw bad(quote(input), "it contains a NUL character, which no path can");
  // A lone surrogate would reach the kernel as U+FFFD, that is, as another name.
  if (!input.isWellFormed()) throw bad(quote(input), "it is not well-formed Unicode");
  if (!input.startsWith("/")) {
    throw bad(quote(input), "expected an absolute path", "Give the whole path, for example /data/blockchain");
  }
  const parts = input.split("/").filter((part) => part !== "");
  if (parts.includes("..") || parts.includes(".")) {
    throw bad(quote(input), 'it contains ".." or "."', "Give the path without them, so that it names one place only");
  }
  const base = parts.at(-1) ?? "";
  if (/\p{Cc}/u.test(base)) {
    throw bad(quote(input), "its last part contains a newline or another control character", "Rename the subvolume");
  }
  if (Buffer.byteLength(base) > MAX_BASE_BYTES) {
    throw bad(
      quote(input),
      `its last part is longer than ${String(MAX_BASE_BYTES)} bytes`,
      "Rename the subvolume: snapshots are called <name>@<height>",
    );
  }
  return `/${parts.join("/")}`;
}

// BTRFS_NAME_LEN is 255 (include/uapi/linux/btrfs_tree.h); "@" and the 20 digits of 2^64 - 1 must fit as well.
const MAX_BASE_BYTES = 255 - 21;

function bad(shown: string, why: string, hint?: string): BtmError {
  return new BtmError("BAD_VOLUME_NAME", `Cannot use the volume ${shown}: ${why}`, hint === undefined ? {} : { hint });
}
