import fc from "fast-check";
import { expect, it } from "vitest";

import { MAX_HEIGHT } from "../height.ts";
import { heightInName, snapshotName } from "./snapshot-name.ts";

const base = fc.oneof(
  fc.string({ minLength: 1 }),
  fc.constantFrom("data", "a@5", "-dash", "node data", "数据", "data@", "x.btm"),
);

it("reads back the height of each name it makes, for that volume only", () => {
  fc.assert(
    fc.property(base, base, fc.bigInt({ min: 0n, max: MAX_HEIGHT }), (volume, other, height) => {
      const name = snapshotName(volume, height);
      expect(heightInName(volume, name)).toBe(height);
      if (other !== volume && !volume.startsWith(`${other}@`)) expect(heightInName(other, name)).toBeUndefined();
    }),
  );
});

it.each([
  "data",
  "data@",
  "data@-1",
  "data@01",
  "data@1x",
  "data@1@2",
  "data@18446744073709551616",
  "data@1.5",
  "xdata@1",
  "data@\n1",
  "data@2024-05-01",
  "data.btm",
])("takes %j for no snapshot of data", (name) => {
  expect(heightInName("data", name)).toBeUndefined();
});
