import { afterAll, beforeAll, beforeEach, describe } from "vitest";

import type { TestVolume, VolumeFactory } from "../support/volumes.ts";
import { blockerContract } from "./blocker-contract.ts";
import { overlapContract } from "./overlap-contract.ts";
import { planContract } from "./plan-contract.ts";
import { retentionContract } from "./retention-contract.ts";
import { asideContract } from "./rollback-aside-contract.ts";
import { rollbackContract } from "./rollback-contract.ts";
import { inPlaceContract } from "./rollback-in-place-contract.ts";
import { snapshotContract } from "./snapshot-contract.ts";
import { unmarkedContract } from "./unmarked-contract.ts";

/** Gives the fresh volume of the test that is running. */
export type CurrentVolume = () => TestVolume;

/** What btm promises on every file system, in every layout. A driver is done when this passes over it. */
export function driverContract(factory: VolumeFactory): void {
  describe(`driver contract: ${factory.kind}`, () => {
    const { traits } = factory;
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
    describe("snapshot and list", () => {
      snapshotContract(current, traits);
    });
    describe("retention", () => {
      retentionContract(current);
    });
    describe("snapshots without a mark", () => {
      unmarkedContract(current);
    });
    describe("rollback", () => {
      rollbackContract(current, traits);
    });
    if (traits.capabilities.rollbackKeepsLive) {
      describe("rollback that keeps what it replaces", () => {
        asideContract(current);
      });
    } else {
      describe("rollback in place", () => {
        inPlaceContract(current);
      });
    }
    describe("plans and consent", () => {
      planContract(current, traits);
    });
    describe("abort and overlap", () => {
      overlapContract(current, traits);
    });
    describe("blockers", () => {
      blockerContract(current, traits);
    });
  });
}
