import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

import { BtmError, exitStatusOf, isBtmError, throwIfAborted } from "./errors.ts";

it("has the exit statuses that docs/exit-codes.md tells", () => {
  const documented = [
    ...readFileSync("docs/exit-codes.md", "utf8").matchAll(/^\| (\d+) +\| [^|]* \| ([^|]*) \|$/gm),
  ].flatMap(([, status, codes]) =>
    [...(codes ?? "").matchAll(/`([A-Z_]+)`/g)].map(([, code]) => [code, Number(status)]),
  );
  expect(Object.fromEntries(documented)).toEqual(exitStatusOf);
});

it("is known across two copies of the package", () => {
  const other = Object.assign(new Error("from another copy"), { [Symbol.for("btm.BtmError")]: true });
  expect(isBtmError(other)).toBe(true);
  expect(isBtmError(new Error("another"))).toBe(false);
});

it("keeps its cause and its details", () => {
  const cause = new Error("why");
  const error = new BtmError("LOCKED", "Cannot", { cause, hint: "Wait", details: { pid: 1 } });
  expect(error).toMatchObject({ cause, hint: "Wait", details: { pid: 1 }, exitStatus: 6, name: "BtmError" });
});

it("turns a fired signal into ABORTED", () => {
  expect(() => {
    throwIfAborted(AbortSignal.abort());
  }).toThrow(expect.objectContaining({ code: "ABORTED" }));
  expect(() => {
    throwIfAborted(undefined);
  }).not.toThrow();
});
