import { afterAll, beforeAll, beforeEach, describe } from "vitest";

import type { TestVolume, Traits, VolumeFactory } from "../support/volumes.ts";
import { blockerContract } from "./blocker-contract.ts";
import { cloneContract } from "./clone-contract.ts";
import { discardContract } from "./discard-contract.ts";
import { overlapContract } from "./overlap-contract.ts";
import { planContract } from "./plan-contract.ts";
import { recordContract } from "./record-contract.ts";
import { retentionContract } from "./retention-contract.ts";
import { rollbackContract } from "./rollback-contract.ts";
import { snapshotContract } from "./snapshot-contract.ts";
import { undoContract } from "./undo-contract.ts";
import { unmarkedContract } from "./unmarked-contract.ts";

/** Gives the fresh volume of the test that is running. */
export type CurrentVolume = () => TestVolume;

type Contract = (volume: CurrentVolume, traits: Traits) => void;

const parts = {
  "snapshot and list": snapshotContract,
  retention: retentionContract,
  "snapshots without a mark": unmarkedContract,
  records: recordContract,
  rollback: rollbackContract,
  "undo points": undoContract,
  "discarding what is newer": discardContract,
  "open clones": cloneContract,
  "plans and consent": planContract,
  "abort and overlap": overlapContract,
  blockers: blockerContract,
} satisfies Record<string, Contract>;

export type Part = keyof typeof parts;

export const PARTS = Object.keys(parts) as readonly Part[];

export function isPart(name: string): name is Part {
  return name in parts;
}

/**
 * What btm promises on every file system, in every layout. A driver is done when this passes over it.
 *
 * @param only the parts that a further layout of a slow file system is worth
 */
export function driverContract(factory: VolumeFactory, only = PARTS): void {
  describe.skipIf(only.length === 0)(`driver contract: ${factory.kind}`, () => {
    let volume: TestVolume | undefined;
    beforeAll(() => factory.open());
    afterAll(() => factory.close());
    beforeEach(async () => {
      volume = await factory.make();
    });
    const current: CurrentVolume = () => {
      if (volume === undefined) throw new TypeError("No test is running");
      return volume;
    };
    for (const name of only) {
      describe(name, () => {
        const contract: Contract = parts[name];
        contract(current, factory.traits);
      });
    }
  });
}
