import { describe } from "vitest";

import { killedRollbacks } from "../support/killed-rollbacks.ts";

describe("killed while rolling back a subvolume in a mounted directory", () => {
  killedRollbacks(false, []);
});
