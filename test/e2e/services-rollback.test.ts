import { beforeAll, describe, expect, it } from "vitest";

import { findSystemd, GUEST_MS, inSystemd } from "../support/systemd-guest.ts";

const systemd = findSystemd();
if (systemd === undefined) {
  console.error(
    "\n*** NOT TESTED: rollbacks with services, which need the lab (make lab) for a systemd of their own ***\n",
  );
}

/** Each volume is a mount point, at "live" with snapshots at 10 and 20; node.service has it open, and tells what it finds. */
describe.skipIf(systemd === undefined)("a rollback under a real systemd", () => {
  let results: Readonly<Record<string, unknown>> = {};
  beforeAll(async () => {
    const files = ["tools/systemd/btm-recover@.service"];
    results = (await inSystemd(systemd ?? "", "rollback-in-systemd", files)) as typeof results;
  }, GUEST_MS);

  it("is refused while a unit has the volume open; the unit is named", () => {
    expect(results["refused without"]).toEqual({
      status: 5,
      said: expect.stringContaining(
        'process N (sleep infinity) of node.service has it in use: open file "/data/chain0/LOCK"',
      ) as unknown,
      live: "live",
      states: "active",
    });
  });

  it("stops it and starts it; what was stopped stays so; the order is reversed; a dry run does none of it", () => {
    expect(results["stopped and started"]).toEqual({
      dry: 0,
      between: "active",
      status: 0,
      stderr: "",
      live: "10",
      seen: ["live", "10"],
      states: "active active inactive",
      order: ["node.service", "signer.service"],
      notes: [],
    });
  });

  it("that fails in the middle starts it again, on what was live", () => {
    expect(results["a step fails"]).toEqual({
      said: expect.stringContaining("this step has failed") as unknown,
      live: "live",
      seen: ["live", "live"],
      states: "active active",
      notes: [],
    });
  });

  it("after which one does not start is done, and says so by SERVICE_FAILED", () => {
    expect(results["one does not start again"]).toEqual({
      status: 9,
      said: expect.stringContaining('"signer.service"') as unknown,
      live: "10",
      states: "active failed",
    });
  });

  it.each(["before exchange", "after exchange", "after stop-service", "before start-service"])(
    "killed %s, is recovered, and the units run",
    (step) => {
      expect(results[`killed ${step}`]).toEqual({
        noted: 1,
        status: 0,
        isWhole: true,
        isSeen: true,
        states: "active active inactive",
        again: 0,
        notes: [],
      });
    },
  );

  it("starts a node that waits for the recovery of the volume, which wants its lock", () => {
    expect(results["a node that waits for recovery"]).toEqual({
      status: 0,
      stderr: "",
      seen: ["live", "10"],
      states: "active",
    });
  });

  it.each([
    ["before exchange", "live"],
    ["after exchange", "10"],
  ])("cut off %s, is finished or undone at boot, before the node starts", (step, live) => {
    expect(results[`at boot, after ${step}`]).toEqual({ states: "active active", live, seen: live, recovered: [] });
  });
});
