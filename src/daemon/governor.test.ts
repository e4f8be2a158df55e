import { expect, it } from "vitest";

import { parseConfig } from "./config-file.ts";
import type { FreeSpace } from "./free-space.ts";
import { Governor } from "./governor.ts";
import { Log } from "./log.ts";

it("says once that it cannot tell how much is free, and once that it can again", async () => {
  const [config] = parseConfig('[volumes.node]\nvolume = "/data"', "btm.toml").volumes;
  if (config === undefined) throw new Error("There is no volume");
  const lines: string[] = [];
  let space: FreeSpace | undefined;
  const unexpected = (): Promise<never> => Promise.reject(new Error("The disk was touched"));
  const governor = new Governor({
    config,
    btm: { thin: unexpected, undoPoints: unexpected, dropUndo: unexpected, list: unexpected },
    space: () => Promise.resolve(space),
    log: new Log({ write: (line) => lines.push(line), isJournal: true, now: () => new Date() }),
    onRemoved: () => undefined,
    now: () => 0,
  });
  for (let i = 0; i < 3; i++) await governor.step();
  space = { free: 50n, size: 100n };
  for (let i = 0; i < 3; i++) await governor.step();
  space = undefined;
  await governor.step();
  expect(lines).toEqual([
    "<4>node: cannot tell how much space is free: min_free is not watched\n",
    "<6>node: it can be told again how much space is free\n",
    "<4>node: cannot tell how much space is free: min_free is not watched\n",
  ]);
});
