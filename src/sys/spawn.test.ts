import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

import { CommandTimeout, runCommand } from "./spawn.ts";

const timeoutMs = 5000;
const shell = (script: string, ...args: string[]): [string, string[]] => ["/bin/sh", ["-c", script, "sh", ...args]];

it("gives status, output and errors; a failure is an answer", async () => {
  const [file, args] = shell("echo out; echo wrong >&2; exit 3");
  expect(await runCommand(file, args, { timeoutMs })).toEqual({ status: 3, stdout: "out\n", stderr: "wrong\n" });
});

it("has no status when a signal ended it", async () => {
  expect((await runCommand(...shell("kill -9 $$"), { timeoutMs })).status).toBe(null);
});

it("passes arguments as they are, and nothing of our environment", async () => {
  process.env["BTM_SECRET"] = "yes";
  const odd = ["a b", "$(id)", "'\"", "", "-n\n", "*"];
  const { stdout } = await runCommand(...shell('pwd; for word; do echo "<$word>"; done; env', ...odd), { timeoutMs });
  delete process.env["BTM_SECRET"];
  expect(stdout).toMatch(/^\/\n<a b>\n<\$\(id\)>\n<'">\n<>\n<-n\n>\n<\*>\n/);
  expect(stdout).toContain("LC_ALL=C");
  expect(stdout).not.toContain("BTM_SECRET");
});

it("feeds stdin, also to a command that does not read it", async () => {
  expect((await runCommand("/bin/cat", [], { timeoutMs, input: "héllo" })).stdout).toBe("héllo");
  expect((await runCommand("/bin/true", [], { timeoutMs, input: "x".repeat(1_000_000) })).status).toBe(0);
});

it("hands a descriptor on, and no other", async () => {
  const fd = openSync("/etc/hostname", "r");
  try {
    const { stdout } = await runCommand("/bin/ls", ["-l", "/proc/self/fd"], { timeoutMs, holds: [fd] });
    expect(stdout).toContain("3 -> /etc/hostname");
  } finally {
    closeSync(fd);
  }
});

it("ends one that takes too long, with all that it has started, even when it does not want to", async () => {
  const marker = `31.${String(process.pid)}`;
  const failure = await runCommand(...shell('trap "" TERM; sleep "$1" & wait; sleep "$1"', marker), {
    timeoutMs: 200,
  }).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(CommandTimeout);
  expect(failure).toMatchObject({ message: "no answer within 0.2 s", stuckPid: undefined });
  expect(commandLines().filter((line) => line.includes(marker))).toEqual([]);
});

it("says what does not start", async () => {
  await expect(runCommand("/nowhere", [], { timeoutMs })).rejects.toMatchObject({ errnoName: "ENOENT" });
  await expect(runCommand("/etc", [], { timeoutMs })).rejects.toMatchObject({ errnoName: "EACCES" });
});

function commandLines(): string[] {
  return readdirSync("/proc").flatMap((pid) => {
    try {
      return /^\d+$/.test(pid) ? [readFileSync(`/proc/${pid}/cmdline`, "utf8")] : [];
    } catch {
      // Ended meanwhile.
      return [];
    }
  });
}
