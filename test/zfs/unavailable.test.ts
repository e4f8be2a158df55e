import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { Btm } from "../../src/index.ts";
import { Caller, ownMounts } from "../support/caller.ts";
import { failureOf } from "../support/expect-code.ts";

const EXECUTABLE = fileURLToPath(new URL("../../build/btm", import.meta.url));
const volume = "btm-no-such-pool/data";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "btm-zfs-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** A zfs command that is another program. */
function impostor(...lines: readonly string[]): string {
  const file = join(folder, "zfs");
  writeFileSync(file, ["#!/bin/sh", ...lines, ""].join("\n"));
  chmodSync(file, 0o755);
  return file;
}

function btmWith(zfsCommand: string, commandTimeoutMs?: number): Btm {
  return new Btm({ volume }, { zfsCommand, ...(commandTimeoutMs === undefined ? {} : { commandTimeoutMs }) });
}

describe("a zfs command", () => {
  it("that is not there, or no program", async () => {
    writeFileSync(join(folder, "text"), "no program");
    for (const file of ["/nowhere/zfs", join(folder, "text")]) {
      const { message, hint } = await failureOf(btmWith(file).list(), "ZFS_UNAVAILABLE");
      expect([message, hint]).toEqual([expect.stringContaining(file), expect.stringContaining("Install OpenZFS")]);
    }
  });

  it("that does not start", async () => {
    const file = impostor();
    writeFileSync(file, "#!/nowhere/interpreter\n");
    await failureOf(btmWith(file).list(), "ZFS_UNAVAILABLE");
  });

  it("that fails with a text that nobody knows: it is shown, escaped, in one line", async () => {
    const file = impostor(String.raw`printf '\033[2Jall is well\r\nbtm: done \342\200\256\n' >&2`, "exit 1");
    const { message } = await failureOf(btmWith(file).list(), "SYSTEM_ERROR");
    expect(message).toContain(String.raw`zfs list said "\u{1b}[2Jall is well\r\nbtm: done \u{202e}"`);
  });

  it("that fails and says nothing, or is killed", async () => {
    const quiet = await failureOf(btmWith(impostor("exit 42")).list(), "SYSTEM_ERROR");
    expect(quiet.message).toContain("nothing, with status 42");
    await failureOf(btmWith(impostor("kill -KILL $$")).list(), "SYSTEM_ERROR");
  });

  it("that succeeds and prints what zfs does not", async () => {
    const { message } = await failureOf(btmWith(impostor(String.raw`printf '\033nonsense\n'`)).list(), "SYSTEM_ERROR");
    expect(message).toContain(String.raw`"\u{1b}nonsense"`);
    await failureOf(btmWith(impostor("exit 0")).list(), "VOLUME_MISSING");
  });

  it("that fails with more text than anybody reads", async () => {
    const file = impostor("head -c 3000000 /dev/zero | tr '\\0' x >&2", "exit 1");
    const { message, details } = await failureOf(btmWith(file).list(), "SYSTEM_ERROR");
    expect([message.length < 2000, JSON.stringify(details).length < 100_000]).toEqual([true, true]);
  });

  it("that hangs and does not want to end is ended, with all that it has started", async () => {
    const file = impostor("trap '' TERM", `echo "$$" > '${folder}/pid'`, "sleep 1000 & sleep 1000");
    // Long enough for it to have begun: what is ended before that proves nothing.
    const { message, details } = await failureOf(btmWith(file, 1500).list(), "TIMED_OUT");
    expect([message, details["pid"]]).toEqual([expect.stringContaining("no answer within 1.5 s"), undefined]);
    const group = Number(readFileSync(join(folder, "pid"), "utf8"));
    // What has ended stays until its new parent has seen that.
    await expect.poll(() => isGroup(group)).toBe(false);
  });
});

/** Whether there is a process in the group, which is what a command and all that it starts are. */
function isGroup(group: number): boolean {
  try {
    return process.kill(-group, 0);
  } catch {
    // ESRCH, as nothing else can be the matter for root.
    return false;
  }
}

describe("a machine", () => {
  it("that loses ZFS under a btm that has found it", async () => {
    const caller = new Caller({}, ownMounts);
    const list = { volume, call: "list" } as const;
    expect(await caller.tell(list)).toMatchObject({ code: "VOLUME_MISSING" });
    await caller.tell({ script: "mount -t tmpfs none /dev; mknod -m 666 /dev/null c 1 3" });
    expect(await caller.tell({ ...list, isSame: true })).toMatchObject({ code: "ZFS_UNAVAILABLE" });
    const { code, hint } = await caller.tell(list);
    expect([code, hint]).toEqual(["ZFS_UNAVAILABLE", expect.stringContaining("modprobe zfs")]);
    await caller.tell({ script: "mount -t tmpfs none /sys/module" });
    expect(await caller.tell({ ...list, isSame: true })).toMatchObject({ code: "ZFS_UNAVAILABLE" });
    await caller.stop();
  });

  it("with an OpenZFS older than 2.1, and with later ones", async () => {
    const caller = new Caller({}, ownMounts);
    const file = join(folder, "version");
    const codes: unknown[] = [];
    for (const version of ["0.8.6-1", "2.0.7-1", "2.1.0-rc1", "2.10.0", "10.0.0"]) {
      await caller.tell({ script: `echo '${version}' > '${file}'; mount --bind '${file}' /sys/module/zfs/version` });
      codes.push((await caller.tell({ volume, call: "list" })).code);
    }
    const [tooOld, goesOn] = ["ZFS_UNAVAILABLE", "VOLUME_MISSING"];
    expect(codes).toEqual([tooOld, tooOld, goesOn, goesOn, goesOn]);
    await caller.stop();
  });

  it("without the zfs command: the executable says what to install, and exits with 3", () => {
    const hide = 'mount -t tmpfs none "$(dirname "$(readlink -f "$(command -v zfs)")")"; exec "$@"';
    const args = [...ownMounts, "sh", "-ec", hide, "sh", EXECUTABLE, "list", "-p", volume];
    expect(() => execFileSync("env", args, { encoding: "utf8", stdio: "pipe" })).toThrow(
      expect.objectContaining({
        status: 3,
        stdout: "",
        stderr: expect.stringMatching(
          /^btm: .* there is no zfs command at \/usr\/sbin\/zfs.*\n {2}hint: Install OpenZFS/,
        ) as string,
      }),
    );
  });
});
