import { closeSync, existsSync, openSync, readFileSync, readlinkSync, readdirSync, readSync } from "node:fs";
import { expect, it } from "vitest";

import { EndPipe } from "./end-pipe.ts";

it("tells when it is read, and when nobody reads any more", () => {
  const pipe = new EndPipe();
  expect(pipe.isRead).toBe(true);
  expect(pipe.write("0\n")).toBe(true);
  expect(pipe.isRead).toBe(false);
  const other = openSync(pipe.path, "r");
  expect(readSync(other, Buffer.alloc(10))).toBe(2);
  expect(pipe.isRead).toBe(true);
  pipe.handOver();
  expect(existsSync(pipe.path)).toBe(false);
  expect(pipe.write("1\n")).toBe(true);
  closeSync(other);
  expect(pipe.write("0\n")).toBe(false);
  pipe.close();
  pipe.close();
  expect(pipe.write("0\n")).toBe(false);
});

it("ends for who reads it when it is closed", () => {
  const pipe = new EndPipe();
  const other = openSync(pipe.path, "r");
  pipe.close();
  expect(readSync(other, Buffer.alloc(10))).toBe(0);
  closeSync(other);
});

it("is not inherited by a program that is started meanwhile, which would keep it open", () => {
  const before = new Set(pipes());
  const pipe = new EndPipe();
  const flags = pipes()
    .filter((fd) => !before.has(fd))
    .map((fd) => /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1] ?? "");
  expect(flags.map((octal) => parseInt(octal, 8) & 0o2_000_000)).toEqual([0o2_000_000, 0o2_000_000]);
  pipe.close();
});

function pipes(): string[] {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith("pipe:");
    } catch {
      // The one by which the folder is read.
      return false;
    }
  });
}
