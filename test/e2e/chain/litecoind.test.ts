/**
 * The demo on a real chain, as "make demo" runs it, and the ways in which it can end early. It needs root, the kernel's
 * Btrfs, litecoind and build/btm, and says so where one is missing.
 */
import { expect, test, type TestContext } from "vitest";

import { Demo, type DemoOptions } from "./demo-run.ts";

const TIMEOUT_MS = 120_000;
/** Not of a certain height: the node may have come further by the time it has written its state. */
const SNAPSHOT = /blockchain@[1-9]\d* +taken in/;

// Of the context of the test: with concurrent tests the global function does not know which one it is called in.
async function startDemo({ onTestFinished }: TestContext, options: DemoOptions = {}): Promise<Demo> {
  const demo = await Demo.start(options);
  onTestFinished(() => demo.dispose());
  return demo;
}

test.concurrent(
  "a node put back to the nearest snapshot, undone and redone, says the heights that btm says",
  async (context) => {
    const demo = await startDemo(context);
    expect(await demo.ended, demo.output).toEqual({ status: 0, signal: null });
    const { output } = demo;

    const taken = [...output.matchAll(/blockchain@(\d+) +taken in/g)].map(([, height]) => Number(height));
    const target = Math.max(...taken.filter((height) => height <= 333));
    // 11, but that on a very busy machine the chain may pass a whole interval while one is taken.
    expect(taken.length).toBeGreaterThan(6);
    expect(output).toContain(`to ${target}, the nearest below 333`);

    const agreed = [...output.matchAll(/agreed {2}height (\d+), block [0-9a-f]{64}/g)].map(([, height]) =>
      Number(height),
    );
    const left = Number(/The node is at (\d+)\. It is stopped/.exec(output)?.[1]);
    const other = Number(/by other blocks than before, to (\d+)\./.exec(output)?.[1]);
    expect(left).toBeGreaterThanOrEqual(520);
    expect(other).toBe(target + 60);
    expect(agreed).toEqual([target, left, other]);
    expect(output).toMatch(/Everything agreed, and nothing is left behind \(\d+ s\)\.\n$/);
    expect(output, "no colours where there is no terminal").not.toContain("\u001b");
    expect(await demo.leftovers()).toEqual([]);
  },
  TIMEOUT_MS,
);

test.concurrent(
  "a node that did not write its state before the snapshots comes back at 0, and the demo fails",
  async (context) => {
    const demo = await startDemo(context, { env: { BTM_DEMO_NO_FLUSH: "1" } });
    expect(await demo.ended, demo.output).toEqual({ status: 1, signal: null });
    expect(demo.output).toMatch(
      /FAILED {2}The node does not stand where its disk was put\.\n {2}expected {3}height [1-9]\d*, block [0-9a-f]{64}\n {2}node says {2}height 0, block [0-9a-f]{64}\n$/,
    );
    expect(demo.output).not.toContain("Everything agreed");
    expect(await demo.leftovers()).toEqual([]);
  },
  TIMEOUT_MS,
);

const moments = [
  ["the image is made", /^A disk for a node$/m],
  ["the image is mounted and the node starts", /export BTM_VOLUME/],
  ["the node mines", SNAPSHOT],
  ["the node is stopped for the rollback", /the disk put back/],
  ["btm rolls back", /\$ btm rollback -s/],
] as const;

for (const [moment, pattern] of moments) {
  test.concurrent(
    `Ctrl-C while ${moment} leaves nothing behind`,
    async (context) => {
      const demo = await startDemo(context);
      await demo.prints(pattern);
      demo.kill("SIGINT");
      expect(await demo.ended, demo.output).toEqual({ status: null, signal: "SIGINT" });
      expect(demo.output).toContain("Interrupted (SIGINT): clearing away.");
      expect(demo.output).not.toContain("FAILED");
      expect(await demo.leftovers()).toEqual([]);
    },
    TIMEOUT_MS,
  );

  test.concurrent(
    `kill -9 of the demo while ${moment} leaves nothing behind`,
    async (context) => {
      const demo = await startDemo(context);
      await demo.prints(pattern);
      demo.kill("SIGKILL");
      expect(await demo.ended, demo.output).toEqual({ status: null, signal: "SIGKILL" });
      // Nobody is left to wait for the watchdog.
      expect(await demo.leftovers({ patienceMs: 30_000 })).toEqual([]);
    },
    TIMEOUT_MS,
  );
}

for (const signal of ["SIGINT", "SIGKILL"] as const) {
  test.concurrent(
    `${signal} while the demo clears away leaves nothing behind`,
    async (context) => {
      const demo = await startDemo(context);
      await demo.prints(/unmounted and removed/);
      demo.kill(signal);
      // It may have been over before, so how it ended says nothing.
      await demo.ended;
      expect(await demo.leftovers({ patienceMs: 30_000 })).toEqual([]);
    },
    TIMEOUT_MS,
  );
}

for (const signal of ["SIGTERM", "SIGHUP"] as const) {
  test.concurrent(
    `${signal} leaves nothing behind`,
    async (context) => {
      const demo = await startDemo(context);
      await demo.prints(SNAPSHOT);
      demo.kill(signal);
      expect(await demo.ended, demo.output).toEqual({ status: null, signal });
      expect(await demo.leftovers()).toEqual([]);
    },
    TIMEOUT_MS,
  );
}

test.concurrent(
  "a reader that goes away ends the demo, and leaves nothing behind",
  async (context) => {
    const demo = await startDemo(context);
    await demo.prints(SNAPSHOT);
    demo.hangUp();
    expect(await demo.ended, demo.output).toEqual({ status: 1, signal: null });
    expect(await demo.leftovers()).toEqual([]);
  },
  TIMEOUT_MS,
);

test.concurrent(
  "a demo whose watchdog was killed clears away all the same",
  async (context) => {
    const demo = await startDemo(context);
    await demo.prints(SNAPSHOT);
    await demo.killWatchdog();
    demo.kill("SIGINT");
    expect(await demo.ended, demo.output).toEqual({ status: null, signal: "SIGINT" });
    expect(await demo.leftovers()).toEqual([]);
  },
  TIMEOUT_MS,
);

test.concurrent("without the executable it says what to do, and makes nothing", async (context) => {
  const demo = await startDemo(context, { args: ["/nonexistent/btm"] });
  expect(await demo.ended).toEqual({ status: 1, signal: null });
  expect(demo.output).toContain("- btm itself, at /nonexistent/btm\n    Build it: make\n");
  expect(await demo.leftovers()).toEqual([]);
});
