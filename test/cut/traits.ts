import type { Traits } from "./model.ts";

/** What is destroyed is gone for good with the next commit; what is live changes by one entry of one transaction. */
export const btrfs: Traits = {
  thinsInOneStep: false,
  decides: ["exchange"],
  decided: ["sync again"],
  mayLackLive: false,
};

/** Each command has written out what it did when it ends. In place it is one transaction, else two names change. */
export const zfs: Traits = {
  thinsInOneStep: true,
  decides: ["roll back", "move aside"],
  decided: ["roll back", "move in"],
  mayLackLive: true,
};
