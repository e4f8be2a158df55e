import { BtmError } from "./errors.ts";
import { show } from "./height.ts";
import { quote } from "./text.ts";

/** Whether a checked volume was given as a path, not as the name of a dataset. */
export function isPath(volume: string): boolean {
  return volume.startsWith("/");
}

/**
 * Checks the name of a volume as far as text alone can tell: a path, whose doubled and trailing slashes are tidied, or the
 * name of a ZFS dataset.
 *
 * @throws BtmError NO_VOLUME_GIVEN, BAD_VOLUME_NAME
 */
export function checkVolumeName(input: unknown): string {
  if (input === undefined || input === "") {
    const wanted = "expected the path of a Btrfs subvolume, or a ZFS dataset";
    throw new BtmError("NO_VOLUME_GIVEN", `No volume given: ${wanted}`, {
      hint: "Give it as --volume /data/blockchain or --volume zroot/data, or set BTM_VOLUME",
    });
  }
  if (typeof input !== "string") throw bad(show(input), "expected text");
  if (input.includes("\0")) throw bad(quote(input), "it contains a NUL character, which no path can");
  // A lone surrogate would reach the kernel as U+FFFD, that is, as another name.
  if (!input.isWellFormed()) throw bad(quote(input), "it is not well-formed Unicode");
  return isPath(input) ? checkPath(input) : checkDataset(input);
}

/**
 * A name must work as an argument, as a line of output and as the base of "<volume>@<height>", so its last part has no
 * control characters. Directories above it may be called anything: nobody chooses the names of their mount points twice.
 */
function checkPath(input: string): string {
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

/** By the rules of entity_namecheck() in module/zcommon/zfs_namecheck.c of OpenZFS; a pool begins with a letter. */
function checkDataset(input: string): string {
  const either = "expected an absolute path, or the name of a ZFS dataset";
  if (/[@#]/.test(input)) {
    throw bad(quote(input), `${either}, not of a snapshot or bookmark`, "Give what stands before the @ or #");
  }
  const isDataset =
    /^[A-Za-z]/.test(input) &&
    input.split("/").every((part) => /^[A-Za-z0-9 _.:-]+$/.test(part) && part !== "." && part !== "..");
  if (!isDataset) {
    throw bad(quote(input), either, "Give the whole path, for example /data/blockchain, or a dataset, zroot/data");
  }
  if (Buffer.byteLength(input) > MAX_BASE_BYTES) {
    throw bad(
      quote(input),
      `the name is longer than ${String(MAX_BASE_BYTES)} bytes`,
      "Rename the dataset: snapshots are called <name>@<height>",
    );
  }
  return input;
}

// BTRFS_NAME_LEN is 255 (include/uapi/linux/btrfs_tree.h), a name on ZFS has at most 255 bytes as well
// (ZFS_MAX_DATASET_NAME_LEN in include/sys/fs/zfs.h); "@" and the 20 digits of 2^64 - 1 must fit too.
const MAX_BASE_BYTES = 255 - 21;

function bad(shown: string, why: string, hint?: string): BtmError {
  return new BtmError("BAD_VOLUME_NAME", `Cannot use the volume ${shown}: ${why}`, hint === undefined ? {} : { hint });
}
