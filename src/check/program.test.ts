import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";

import { findProgram } from "./program.ts";

it("is found as a shell finds it, and only when it can be executed", () => {
  const folder = mkdtempSync(join(tmpdir(), "btm-program-"));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  for (const name of ["one", "two"]) mkdirSync(join(folder, name));
  const node = join(folder, "two", "node");
  writeFileSync(node, "");
  writeFileSync(join(folder, "one", "node"), "");
  chmodSync(node, 0o755);
  mkdirSync(join(folder, "one", "folder"));
  const path = `${join(folder, "one")}:${join(folder, "two")}`;
  expect(findProgram("node", path, "/")).toBe(node);
  expect(findProgram("./two/node", path, folder)).toBe(node);
  expect(findProgram(node, "", "/")).toBe(node);
  for (const name of ["other", "", "./node", "folder", "/"]) expect(findProgram(name, path, folder)).toBeUndefined();
  // What is not absolute in it would be where btm happens to be.
  expect(findProgram("node", "two:.:", folder)).toBeUndefined();
});
