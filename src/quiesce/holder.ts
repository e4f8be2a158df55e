import type { BtmError } from "../errors.ts";

export interface HolderOptions {
  /** As systemd calls it: "node.service". */
  readonly unit: string;
  readonly volume: string;
  /** How long it may be held, from when that is asked for. */
  readonly deadlineMs: number;
  readonly warn: (error: BtmError) => void;
}

/** A node that can be held: its guard stands. */
export interface Holder {
  /** @throws when it cannot be held in time; then it must be let go all the same */
  readonly hold: () => Promise<void>;
  /** Whether it is held at this moment, whoever may have let it go. */
  readonly isHeld: () => Promise<boolean>;
  /** Lets it go, and waits until it runs. */
  readonly letGo: () => Promise<void>;
  /** Ends the guard, after which nothing is left of the hold. */
  readonly end: () => Promise<void>;
}
