import { beforeAll, describe, expect, it } from "vitest";

import { findSystemd, GUEST_MS, inSystemd } from "../support/systemd-guest.ts";

const systemd = findSystemd();
if (systemd === undefined) {
  console.error("\n*** NOT TESTED: services, which need the lab (make lab) for a systemd of their own ***\n");
}

describe.skipIf(systemd === undefined)("services, under a real systemd", () => {
  let results: Readonly<Record<string, unknown>> = {};
  beforeAll(async () => {
    results = (await inSystemd(systemd ?? "", "services-in-systemd")) as typeof results;
  }, GUEST_MS);

  const running = (unit: string, neededFor?: string): unknown => ({ unit, isRunning: true, neededFor, triggers: [] });

  it("are stopped in the order given and started in the reverse one; until then root's own note has their names", () => {
    expect(results["stops and starts"]).toEqual({
      services: [running("one.service"), running("two.service"), running("three.service")],
      units: ["three.service", "two.service", "one.service"],
      modes: ["755", "600"],
      during: "inactive inactive inactive",
      pending: [],
      warnings: [[], []],
      order: ["three.service", "two.service", "one.service"],
      notes: [],
      steps: [
        "note-services",
        ...Array<string>(3).fill("stop-service"),
        ...Array<string>(3).fill("start-service"),
        "forget-services",
      ].flatMap((step) => [`before ${step}`, `after ${step}`]),
    });
  });

  it("that did not run stay stopped: idle ones, ones that ran once, failed ones", () => {
    expect(results["stays stopped"]).toEqual({
      running: [false, false, false],
      during: [],
      warnings: [],
      states: "inactive inactive",
    });
  });

  it("that crash again and again are running ones, and start although they have been started too often", () => {
    expect(results["a node that crashes again and again"]).toEqual({
      before: "activating",
      running: true,
      during: "inactive",
      warnings: [],
      after: "active",
    });
  });

  it("that cannot do without one that is stopped are stopped before it, and started after it", () => {
    expect(results["what depends on it"]).toEqual({
      services: [
        running("watcher.service", "beacon.service"),
        running("validator.service", "beacon.service"),
        running("beacon.service"),
      ],
      during: "inactive inactive inactive",
      warnings: [],
      after: "active active active inactive",
    });
  });

  it("are all started again when one does not stop", () => {
    expect(results["one that does not stop"]).toEqual({
      outcome: {
        code: "BLOCKED",
        message: 'Cannot stop "stubborn.service": Job for stubborn.service canceled',
        hint: "Nothing was changed. Look at systemctl status stubborn.service",
      },
      states: "active active",
      notes: [],
    });
  });

  it("are all started, whatever becomes of one; that one is a warning", () => {
    expect(results["one that does not start again"]).toEqual({
      warnings: ['cannot start "broken.service": it has failed at once; look at systemctl status broken.service'],
      states: "active failed",
      notes: [],
    });
  });

  it("are started again when the user stops it in the middle", () => {
    expect(results["stopped by a signal"]).toMatchObject({
      outcome: { code: "ABORTED" },
      states: "active active",
      notes: [],
    });
  });

  it("are started by recovery after kill -9, of this volume only, and once", () => {
    const nothing = { done: [], warnings: [] };
    expect(results["after kill -9"]).toEqual({
      signal: "SIGKILL",
      during: [
        "inactive inactive",
        1,
        [
          'start "signer.service", which was stopped for the rollback',
          'start "node.service", which was stopped for the rollback',
        ],
      ],
      elsewhere: nothing,
      recovered: {
        done: [
          'started "signer.service", which was stopped for the rollback',
          'started "node.service", which was stopped for the rollback',
        ],
        warnings: [],
      },
      after: "active active inactive",
      again: nothing,
      notes: [],
    });
  });

  it("that a killed one has stopped count as running, named again or not", () => {
    expect(results["a second rollback after kill -9"]).toEqual({
      running: [true],
      warnings: [],
      after: "active active inactive",
      notes: [],
    });
  });

  it("are not started for a note of another user, of one who is alive, or with what is no unit in it", () => {
    expect(results["a note that is not for us"]).toEqual({ alive: [], whole: 2, foreign: [], forged: [], torn: [] });
  });

  it("that wait for the unit in which recovery runs do not keep it waiting", () => {
    expect(results["recovery in a unit that the node waits for"]).toEqual({ status: 0, states: "active", notes: [] });
  });

  it("are refused before anything is changed", () => {
    expect(results["what is refused"]).toMatchSnapshot();
  });

  it("are not stopped when what must be started again cannot be written down safely", () => {
    expect(results["a folder that others can write to"]).toEqual({
      outcome: {
        code: "BLOCKED",
        message:
          'Cannot write down which services must be started again: "/run/btm" can be written by others than root',
        hint: "chown root:root /run/btm and chmod 755 /run/btm, after a look at what is in it",
      },
      states: "active",
    });
  });

  it("are refused where there is no systemd", () => {
    expect(JSON.parse(String(results["without systemd"]))).toEqual({
      code: "BLOCKED",
      message: "Cannot see to the services: this system does not run under systemd",
      hint: "Stop what uses the volume by hand, then run the command without --service",
    });
  });

  it("tell what may start them in the middle", () => {
    expect(results["what may start it in the middle"]).toEqual([
      [["served.service", ["served.socket"]]],
      [
        ["served.socket", []],
        ["served.service", []],
      ],
    ]);
  });

  it("are known by their own name, and once", () => {
    expect(results["another name of it"]).toEqual(["real.service"]);
  });
});
