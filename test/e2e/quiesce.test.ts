import { beforeAll, describe, expect, it } from "vitest";

import { findSystemd, GUEST_MS, inSystemd } from "../support/systemd-guest.ts";

const systemd = findSystemd();
if (systemd === undefined) {
  console.error("\n*** NOT TESTED: freezing and stopping a node, which needs the lab for a systemd of its own ***\n");
}

/** node.service counts, a step each millisecond, in a file. */
describe.skipIf(systemd === undefined)("a node held under a real systemd", () => {
  let results: Readonly<Record<string, unknown>> = {};
  beforeAll(async () => {
    const files = ["tools/package/btm-daemon.service", ".tools/bun"];
    results = (await inSystemd(systemd ?? "", "quiesce-in-systemd", files)) as typeof results;
  }, GUEST_MS);

  describe("frozen", () => {
    it("makes no step until the work is done, and goes on then; nothing is left of the guard", () => {
      expect(results["freeze"]).toEqual({
        quiesce: "freeze",
        warnings: [],
        during: { quiesce: "freeze", stands: true, guards: 1 },
        guards: [],
        left: [],
      });
    });

    it("goes on at its deadline, although the work is not done", () => {
      expect(results["the work takes too long"]).toEqual({
        quiesce: "none",
        warnings: [expect.stringMatching(/^TIMED_OUT: .*"node.service" frozen .* longer than 0.3 s$/) as string],
      });
    });

    it("goes on at its deadline, although btm is stopped in its tracks; btm learns of it", () => {
      const { ms, ...found } = results["stopped in its tracks"] as { readonly ms: number };
      console.info(`SIGSTOP of the holder, deadline 500 ms: thawed after ${ms.toFixed(0)} ms`);
      expect(found).toEqual({
        said: "freeze",
        stands: true,
        then: { quiesce: "none", warnings: [expect.stringMatching(/^(BLOCKED|TIMED_OUT): Could not keep/) as string] },
      });
    });

    it("is let go, and the work done without, when one of its processes is stuck in the kernel", () => {
      expect(results["one is stuck in the kernel"]).toEqual({
        quiesce: "none",
        warnings: [expect.stringMatching(/^TIMED_OUT: .*not all of its processes stood still/) as string],
        during: "none",
        isTold: true,
      });
    });

    it("was not, when somebody thawed it, it ended, or another took its place meanwhile", () => {
      const told = [expect.stringMatching(/^BLOCKED: Could not keep .* was thawed, or ended before$/) as string];
      expect(results["somebody thaws it"]).toEqual({ quiesce: "none", warnings: told });
      expect(results["it ends meanwhile"]).toEqual({ quiesce: "none", warnings: told, guards: [] });
      expect(results["it is restarted meanwhile"]).toEqual({ quiesce: "none", warnings: told });
    });
  });

  describe("stopped", () => {
    it("is started again, with what systemd stopped with it", () => {
      expect(results["stop"]).toEqual({
        quiesce: "stop",
        warnings: [],
        during: { quiesce: "stop", states: "inactive inactive", notes: 1, guards: 1 },
        after: { states: "active active", guards: [], left: [] },
      });
    });

    it("is started at its deadline, although btm is stopped in its tracks", () => {
      expect(results["stopped in its tracks while the node is stopped"]).toEqual({
        said: "stop",
        during: "inactive",
        then: { quiesce: "none", warnings: [expect.stringMatching(/^(BLOCKED|TIMED_OUT): Could not keep/) as string] },
        state: "active",
      });
    });

    it("that takes too long is started again, and the work done without", () => {
      expect(results["it does not stop in time"]).toEqual({
        quiesce: "none",
        warnings: [expect.stringMatching(/^TIMED_OUT: Cannot stop "slow.service"/) as string],
        during: "none",
      });
    });

    it("that does not start again is told", () => {
      expect(results["it does not start"]).toEqual({
        quiesce: "stop",
        warnings: [expect.stringMatching(/^SERVICE_FAILED: .*"picky.service"/) as string],
      });
    });

    it("is started when btm is killed while it stops", () => {
      expect(results["killed while it stops"]).toEqual({ state: "active", left: [] });
    });
  });

  it("is let go when the work fails", () => {
    expect(results["the work fails"]).toEqual({
      said: "Error: no snapshot",
      saidOfStop: "Error: no snapshot",
      state: "active",
      guards: [],
      left: [],
    });
  });

  it.each([
    "freeze, node",
    "freeze, bun",
    "freeze, odd name",
    "freeze, with its guard",
    "stop, node",
    "stop, bun",
    "stop, odd name",
    "stop, with its guard",
  ])("runs again after kill -9 of btm: %s", (name) => {
    const kind = name.split(",")[0];
    const { ms, ...found } = results[`killed, ${name}`] as { readonly ms: number };
    console.info(`kill -9, ${name}: runs again after ${ms.toFixed(0)} ms`);
    expect(found).toEqual({ said: kind, during: kind === "freeze" ? true : "inactive", state: "active", left: [] });
  });

  it("runs again when btm, which freezes it again and again, is killed at any moment", () => {
    const { longest, ...found } = results["killed at any moment"] as { readonly longest: number };
    console.info(`kill -9 at any moment: runs, and no guard is left, after ${longest.toFixed(0)} ms at most`);
    expect(found).toEqual({ state: "active", left: [] });
  });

  it("runs again when the guard is killed, and when systemd is executed anew meanwhile", () => {
    for (const name of ["its guard is killed", "systemd is loaded and executed anew"]) {
      expect(results[name], name).toMatchObject({ said: "freeze", during: true, state: "active", left: [] });
    }
  });

  it("is held by one at a time; who comes too late does without", () => {
    expect(results["two volumes, one unit"]).toEqual([
      { quiesce: "freeze", warnings: [] },
      { quiesce: "freeze", warnings: [] },
      { quiesce: "stop", warnings: [] },
    ]);
    expect(results["another holds it for long"]).toEqual({
      quiesce: "none",
      warnings: [expect.stringMatching(/^LOCKED: /) as string],
    });
  });

  it("that is not there, does not run, or is btm's own is left alone, and the work is done", () => {
    const { outcomes, ...rest } = results["not there, not running"] as {
      readonly outcomes: readonly { readonly quiesce: string; readonly warnings: readonly string[] }[];
    };
    expect(outcomes.map(({ quiesce }) => quiesce)).toEqual(Array<string>(8).fill("none"));
    expect(outcomes.flatMap(({ warnings }) => warnings)).toMatchSnapshot();
    expect(rest).toEqual({ seen: Array<string>(8).fill("none"), state: "inactive", guards: [] });
    expect(results["its own unit"]).toMatchSnapshot();
  });

  it("is held, and let go, by a btm that is confined as the daemon is", () => {
    const found = results["confined as the daemon is"] as Record<"freeze" | "stop", { readonly ms: number }>;
    console.info(`kill -9 of a confined one: runs again after ${found.freeze.ms.toFixed(0)} ms`);
    expect(found).toMatchObject({ freeze: { said: "freeze", isHeld: true }, stop: { said: "stop", isHeld: true } });
  });

  it("is looked at before: where it cannot be held it is said, with a code", () => {
    expect(results["the look at the start"]).toMatchSnapshot();
  });
});
