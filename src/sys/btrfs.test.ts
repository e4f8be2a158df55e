import { expect, it } from "vitest";

import { requests } from "./btrfs.ts";

it("has the request numbers of linux/btrfs.h, which hold the sizes of the structs", () => {
  // Printed by a C program that includes the header.
  expect(requests).toEqual({
    DEFAULT_SUBVOL: 0x40089413,
    SNAP_CREATE_V2: 0x50009417,
    SUBVOL_GETFLAGS: 0x80089419,
    SUBVOL_SETFLAGS: 0x4008941a,
    GET_SUBVOL_INFO: 0x81f8943c,
    GET_SUBVOL_ROOTREF: 0xd000943d,
    INO_LOOKUP_USER: 0xd000943e,
    SNAP_DESTROY_V2: 0x5000943f,
  });
});
