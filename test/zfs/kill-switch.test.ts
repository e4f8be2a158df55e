import { describe } from "vitest";

import { killedOperations } from "../support/killed-operations.ts";
import { zfsGround } from "../support/zfs-ground.ts";

describe("killed on a dataset", { timeout: 3_600_000 }, () => {
  killedOperations(zfsGround(), {
    cases: {
      "a rollback": "all",
      // What it does otherwise than one that does not.
      "a rollback that carries files over": ["carry"],
      "an undo": ["hold undo point", "move in", "promote", "destroy brought back", "destroy hold"],
      "dropping one that another hangs on": "all",
      closing: "all",
    },
    // From there on it is finished: its recovery has most to do.
    twice: { "a rollback": ["move aside"] },
    goesOn: ["a rollback"],
  });
});
