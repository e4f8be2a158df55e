import { expect, it } from "vitest";

import { fstabWarnings } from "./fstab.ts";

it.each([
  ["/dev/sdb /data btrfs noatime,subvolid=256 0 0", "/data", 1],
  ["UUID=1 /my\\040data btrfs subvolid=256 0 0", "/my data", 1],
  ["/dev/sdb /data btrfs noatime,subvol=data 0 0", "/data", 0],
  ["/dev/sdb /other btrfs subvolid=256 0 0", "/data", 0],
  ["#/dev/sdb /data btrfs subvolid=256 0 0", "/dat", 0],
  ["/dev/sdb /data ext4 subvolid=256 0 0", "/data", 0],
  ["", "/data", 0],
])("%j for %s: %i warnings", (fstab, path, count) => {
  expect(fstabWarnings(`# a comment\n${fstab}\n`, path, "/@/data")).toHaveLength(count);
});

it("says what to write instead", () => {
  expect(fstabWarnings("/dev/sdb /data btrfs subvolid=256", "/data", "/@/data")).toEqual([
    '/etc/fstab mounts "/data" by subvolid=, which leads to the old state at the next boot: write subvol=@/data instead',
  ]);
});
