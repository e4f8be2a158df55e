import { expect, it } from "vitest";

import { mountAttributes, parseMounts } from "./mounts.ts";

it("reads a line of mountinfo, with optional fields, octal escapes and a subvolume", () => {
  const text = String.raw`43 27 0:39 /@/node\040data /mnt/line\012break rw,nosuid,noatime shared:1 master:2 - btrfs /dev/loop0 rw,discard=async,subvolid=256,subvol=/@/node\040data
44 27 0:40 / /plain rw,relatime - tmpfs tmpfs rw
`;
  expect(parseMounts(text)).toEqual([
    {
      id: 43n,
      root: "/@/node data",
      mountPoint: "/mnt/line\nbreak",
      options: ["rw", "nosuid", "noatime"],
      type: "btrfs",
      source: "/dev/loop0",
      superOptions: ["rw", "discard=async", "subvolid=256", String.raw`subvol=/@/node\040data`],
      device: "0:39",
    },
    expect.objectContaining({ id: 44n, mountPoint: "/plain", type: "tmpfs" }),
  ]);
});

it("leaves out what is not a line of mountinfo", () => {
  expect(parseMounts("")).toEqual([]);
  expect(parseMounts("garbage\n36 35\n - \n")).toEqual([]);
});

it.each([
  [["rw", "relatime"], 0],
  [["rw", "noatime"], 0x10],
  [["rw"], 0x20],
  [["ro", "nosuid", "nodev", "noexec", "noatime", "nodiratime"], 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x80],
])("says the same as the options %j", (options, attributes) => {
  expect(mountAttributes(options)).toBe(attributes);
});
