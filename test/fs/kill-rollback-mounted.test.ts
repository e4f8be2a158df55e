import { describe } from "vitest";

import { killedRollbacks } from "../support/killed-rollbacks.ts";

describe("killed while rolling back a mount point", () => {
  // Linux 6.5 and newer; the way of older ones is in kill-fallback.test.ts.
  killedRollbacks(true, ["attach beneath", "unmount"]);
});
