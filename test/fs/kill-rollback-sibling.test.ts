import { describe } from "vitest";

import { btrfsGround } from "../support/btrfs-ground.ts";
import { killedOperations } from "../support/killed-operations.ts";

describe("killed in a subvolume in a mounted directory", () => {
  killedOperations(btrfsGround(false), { twice: { "an undo that takes from another undo point": "all" } });
});
