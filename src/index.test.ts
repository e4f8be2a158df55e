import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

import * as api from "./index.ts";
import { VERSION } from "./version.ts";

it("exports this and nothing else", () => {
  expect(Object.keys(api).sort()).toEqual([
    "Btm",
    "BtmError",
    "decide",
    "due",
    "exitStatusOf",
    "fadeBound",
    "isBtmError",
    "parseHeight",
  ]);
});

it("has the version of its package", () => {
  expect(JSON.parse(readFileSync("package.json", "utf8"))).toMatchObject({ version: VERSION });
});
