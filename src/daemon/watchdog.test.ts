import { expect, it } from "vitest";

import { watchdogPeriodMs } from "./watchdog.ts";

it.each<[Record<string, string>, number | undefined]>([
  [{}, undefined],
  [{ WATCHDOG_USEC: "30000000" }, 15_000],
  [{ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "7" }, 15_000],
  [{ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "8" }, undefined],
  [{ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "" }, undefined],
  [{ WATCHDOG_USEC: "1000" }, 100],
  [{ WATCHDOG_USEC: "0" }, undefined],
  [{ WATCHDOG_USEC: "-5" }, undefined],
  [{ WATCHDOG_USEC: "soon" }, undefined],
  [{ WATCHDOG_USEC: "9999999999999999" }, 2 ** 31 - 1],
])("of %j makes %s", (env, expected) => {
  expect(watchdogPeriodMs(env, 7)).toBe(expected);
});
