import { expect, test } from "vitest";

import { type Machine, whatIsMissing } from "../../../tools/demo/machine.ts";

const complete: Machine = {
  platform: "linux",
  kernel: "6.1.0-44-amd64",
  isRoot: true,
  hasBtrfs: true,
  hasLoop: true,
  hasMkfs: true,
  hasLitecoind: true,
  tmp: "/tmp",
  hasRoom: true,
  btm: "/src/btm/build/btm",
  hasBtm: true,
};

test("on a complete machine the demo misses nothing", () => {
  expect(whatIsMissing(complete)).toEqual([]);
});

test("on another system only that is said", () => {
  expect(whatIsMissing({ ...complete, platform: "darwin", isRoot: false })).toMatchInlineSnapshot(`
    [
      {
        "todo": "Run the demo on a Linux machine, a virtual one will do",
        "what": "Linux: this is darwin, and Btrfs is a file system of Linux",
      },
    ]
  `);
});

test("all that is missing is said at once, and what to do about it", () => {
  const bare = Object.fromEntries(
    Object.entries(complete).map(([key, value]) => [key, typeof value === "boolean" ? false : value]),
  ) as unknown as Machine;
  expect(whatIsMissing(bare)).toMatchInlineSnapshot(`
    [
      {
        "todo": "Run it as root: sudo make demo",
        "what": "root: only root may mount a file system",
      },
      {
        "todo": "Run a kernel that has it, as the standard ones of Debian do (apt-get install linux-image-amd64, then reboot); in a container, run modprobe btrfs on the host",
        "what": "Btrfs in the running kernel: 6.1.0-44-amd64 does not list it in /proc/filesystems, and "modprobe btrfs" did not help",
      },
      {
        "todo": "Run: modprobe loop. In a container, start it with --privileged",
        "what": "loop devices: there is no /dev/loop-control",
      },
      {
        "todo": "Run: apt-get install btrfs-progs",
        "what": "mkfs.btrfs",
      },
      {
        "todo": "Run: apt-get install --no-install-recommends litecoind",
        "what": "litecoind, the node of the demo, at /usr/lib/litecoin/litecoind",
      },
      {
        "todo": "Make room there, or name another folder: TMPDIR=/path make demo",
        "what": "200 MB free in /tmp, for the disk of the node",
      },
      {
        "todo": "Build it: make",
        "what": "btm itself, at /src/btm/build/btm",
      },
    ]
  `);
});
