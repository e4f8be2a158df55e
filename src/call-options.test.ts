import { describe, expect, it } from "vitest";

import { Btm } from "./btm.ts";
import { isBtmError } from "./errors.ts";

const btm = new Btm({ volume: "/nowhere" });
/** As JavaScript calls it. */
const call = (method: keyof Btm, ...args: unknown[]): Promise<unknown> =>
  (btm[method] as unknown as (...all: unknown[]) => Promise<unknown>).apply(btm, args);

describe("refuses before it looks at the volume", () => {
  it.each<[keyof Btm, unknown[]]>([
    ["clean", [{ keep: 2 }]],
    ["clean", [2]],
    ["clean", [{ dryrun: true }]],
    ["clean", [{ dryRun: "yes" }]],
    ["rollback", [11, { stric: true }]],
    ["rollback", [11, true]],
    ["rollback", [11, { confirm: true }]],
    ["snapshot", [1, null]],
    ["snapshot", [1, { signal: "stop" }]],
    ["adopt", [{ kept: 1 }]],
    ["list", [[]]],
    ["pin", [1, { notes: "x" }]],
    ["unpin", [1, 2]],
  ])("%s(...%j)", async (method, args) => {
    await expect(call(method, ...args)).rejects.toMatchObject({ code: "BAD_OPTION" });
  });
});

it.each([undefined, null, "/data", 7])("refuses %j as a configuration", (options) => {
  expect(() => new Btm(options as never)).toThrow(expect.objectContaining({ code: "BAD_OPTION" }));
});

it("takes options that are given as undefined for not given", async () => {
  const outcome = await btm.clean({ dryRun: undefined, kept: undefined } as never).catch((error: unknown) => error);
  expect(isBtmError(outcome) ? outcome.code : outcome).toBe("VOLUME_MISSING");
});
