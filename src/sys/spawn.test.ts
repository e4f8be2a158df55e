import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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

it("ends one before its time, and waits no longer", async () => {
  const marker = `32.${String(process.pid)}`;
  const aborter = new AbortController();
  const start = performance.now();
  const running = runCommand(...shell('sleep "$1" & wait', marker), {
    timeoutMs: 60_000,
    endsGroup: true,
    signal: aborter.signal,
  });
  setTimeout(() => {
    aborter.abort();
  }, 100);
  await expect(running).rejects.toMatchObject({ code: "ABORTED" });
  expect(performance.now() - start).toBeLessThan(timeoutMs);
  await expect.poll(() => commandLines().filter((line) => line.includes(marker))).toEqual([]);
  await expect(runCommand("/bin/true", [], { timeoutMs, signal: aborter.signal })).rejects.toMatchObject({
    code: "ABORTED",
  });
});

it("does not ask one to end that must not know", async () => {
  const script = 'trap "echo asked >&3; exit" TERM; while :; do sleep 0.01; done';
  const folder = mkdtempSync(join(tmpdir(), "btm-spawn-"));
  const fd = openSync(join(folder, "asked"), "w+");
  try {
    const running = runCommand(...shell(script), { timeoutMs: 300, graceMs: 0, endsGroup: true, holds: [fd] });
    await expect(running).rejects.toBeInstanceOf(CommandTimeout);
    expect(readFileSync(join(folder, "asked"), "utf8")).toBe("");
  } finally {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  }
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
