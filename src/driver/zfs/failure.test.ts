import { describe, expect, it } from "vitest";

import type { BtmErrorCode } from "../../errors.ts";
import { explainFailure, saysExists } from "./failure.ts";

function codeOf(stderr: string): BtmErrorCode {
  return explainFailure("try", ["list"], { status: 1, stdout: "", stderr }).code;
}

const USAGE = "usage:\n\tsnapshot [-r] [-o property=value] ... <filesystem|volume>@<snap> ...\n";

/** As OpenZFS 2.1.11 and 2.3.2 print it; test/zfs/ causes each. */
const KNOWN: readonly (readonly [BtmErrorCode, string])[] = [
  ["VOLUME_MISSING", "cannot open 'tank/data': dataset does not exist"],
  ["VOLUME_MISSING", `cannot open 'tank/data': dataset does not exist\n${USAGE}`],
  ["VOLUME_MISSING", "cannot open 'tank': no such pool\ncannot open pool 'tank'"],
  ["POOL_SUSPENDED", "cannot open 'tank/data': pool I/O is currently suspended"],
  ["POOL_SUSPENDED", `cannot open 'tank/data': pool I/O is currently suspended\n${USAGE}`],
  ["POOL_SUSPENDED", "Channel program execution failed: pool I/O is currently suspended"],
  ["PERMISSION_DENIED", "cannot create snapshots : permission denied"],
  ["PERMISSION_DENIED", "cannot destroy snapshots: permission denied"],
  ["PERMISSION_DENIED", "cannot set property for 'tank/data@1': permission denied"],
  ["PERMISSION_DENIED", "cannot inherit btm:pin for 'tank/data@1': permission denied"],
  ["PERMISSION_DENIED", "Permission denied the ZFS utilities must be run as root."],
  ["PERMISSION_DENIED", "Channel program execution failed:\nPermission denied. Channel programs must be run as root."],
  ["NO_SPACE", "cannot create snapshots : out of space"],
  ["NO_SPACE", "cannot create snapshot 'tank/data@1': out of space"],
  ["READ_ONLY", "cannot create snapshots : pool is read-only"],
  ["READ_ONLY", "cannot destroy snapshots: pool is read-only"],
  ["READ_ONLY", "cannot set property for 'tank/data': pool is read-only"],
  ["READ_ONLY", "cannot inherit btm:pin for 'tank/data@1': pool is read-only"],
  ["READ_ONLY", "Channel program execution failed: pool is read-only"],
  ["BLOCKED", "cannot mount 'tank/data': encryption key not loaded"],
  ["BLOCKED", "zfs_mount_at() failed: encryption key not loaded"],
  ["BLOCKED", "filesystem 'tank/data' can not be mounted: Permission denied"],
  ["ZFS_UNAVAILABLE", "The ZFS modules are not loaded.\nTry running '/sbin/modprobe zfs' as root to load them."],
  [
    "ZFS_UNAVAILABLE",
    "/dev/zfs and /proc/self/mounts are required.\nTry running 'udevadm trigger' and 'mount -t proc proc /proc' as root.",
  ],
];

describe("what zfs prints", () => {
  it.each(KNOWN)("is %s: %j", (code, stderr) => {
    const failure = explainFailure("do it", ["list", "tank"], { status: 1, stdout: "", stderr: `${stderr}\n` });
    expect(failure.code).toBe(code);
    expect(failure.message).toMatch(/^Cannot do it: [a-z]/);
    expect(failure.hint).toMatch(/./);
    expect(failure.details).toEqual({ command: ["zfs", "list", "tank"], status: 1, stderr: `${stderr}\n` });
  });

  it.each(KNOWN)("is not %s when it is a part of a name only: %j", (_, stderr) => {
    const [line = ""] = stderr.split("\n");
    // A name has no quotes, and no line ends.
    const name = `tank/${line.replaceAll("'", "")}`;
    for (const text of [
      `cannot create snapshot '${name}@1': I/O error`,
      `cannot hold '${name}': ${name}`,
      `bookmark '${name}#1' does not exist.`,
    ]) {
      expect([text, codeOf(text)]).toEqual([text, "SYSTEM_ERROR"]);
    }
  });

  it("is shown when it is not known, in one line, escaped and to a limit", () => {
    const stderr = '\u001b[2Jcannot "do" it:\r\n\u202efailure\n';
    const { code, message, hint } = explainFailure("do it", ["\u001b"], { status: 1, stdout: "", stderr });
    expect(code).toBe("SYSTEM_ERROR");
    expect(message).toBe(String.raw`Cannot do it: zfs \u{1b} said "\u{1b}[2Jcannot \"do\" it:\r\n\u{202e}failure"`);
    expect(hint).toContain("report it");
    const long = explainFailure("do it", ["list"], { status: 1, stdout: "", stderr: "x".repeat(1_000_000) });
    expect(long.message.length).toBeLessThan(2000);
    expect(String(long.details["stderr"]).length).toBeLessThan(100_000);
  });

  it("is told by its status when it is nothing", () => {
    const { message } = explainFailure("do it", ["list"], { status: 7, stdout: "ignored", stderr: "\n" });
    expect(message).toBe("Cannot do it: zfs list said nothing, with status 7");
    expect(explainFailure("do it", ["list"], { status: null, stdout: "", stderr: "" }).message).toContain("null");
  });
});

it("a snapshot exists only when zfs says so of that very name", () => {
  expect(saysExists("cannot create snapshot 'tank/data@1': dataset already exists\n", "tank/data@1")).toBe(true);
  expect(saysExists("cannot create snapshot 'tank/data@11': dataset already exists\n", "tank/data@1")).toBe(false);
  expect(saysExists("cannot create snapshot 'tank/data@1': out of space\n", "tank/data@1")).toBe(false);
});
