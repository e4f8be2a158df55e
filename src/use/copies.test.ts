import { expect, it } from "vitest";

import { someSnapshot } from "../../test/support/some-snapshot.ts";
import type { OpenClone } from "../driver/driver.ts";
import { BtmError } from "../errors.ts";
import { type Copy, closeCopy } from "./copies.ts";
import type { Use } from "./use.ts";

const snapshot = someSnapshot(10, { name: "chain@10" });
const refused = new BtmError("LOCKED", "Cannot lock chain: somebody else has it");
const use: Pick<Use, "run"> = { run: () => Promise.reject(refused) };
const copy = (release: () => void): Pick<Copy, "clone" | "claim" | "snapshot"> => {
  const clone: Pick<OpenClone, "uuid"> = { uuid: "c" };
  return { clone: clone as OpenClone, claim: { release }, snapshot };
};

it("says that what was learnt is not kept when the lock was not to be had", async () => {
  let released = 0;
  const left =
    "the copy of 10 is left, and the next btm verify or btm recover destroys it: Cannot lock chain: somebody else has it";
  const learn = (): Promise<void> => Promise.resolve();
  expect(
    await closeCopy(
      use,
      copy(() => released++),
      learn,
    ),
  ).toEqual(["what came of it is not kept beside the snapshot: Cannot lock chain: somebody else has it", left]);
  expect(
    await closeCopy(
      use,
      copy(() => released++),
    ),
  ).toEqual([left]);
  expect(released).toBe(2);
});
