import { copyFileSync, existsSync, writeFileSync } from "node:fs";
import { chmod } from "node:fs/promises";
import { join } from "node:path";

import { expect, it } from "vitest";

import { CountingZfs } from "../support/counting-zfs.ts";
import { DaemonProcess } from "../support/daemon-process.ts";
import { EXECUTABLE } from "../support/executable.ts";
import { KeepAliveClient } from "../support/keep-alive-client.ts";
import { zfsSuite } from "../support/zfs-suite.ts";

const CAP = 8;
const suite = zfsSuite();

/** A btm that finds, at the place of the zfs command, one that counts; others see the real one. */
async function countedBtm(folder: string): Promise<{ readonly executable: string; readonly zfs: CountingZfs }> {
  const file = ["/usr/sbin/zfs", "/sbin/zfs", "/usr/local/sbin/zfs"].find((path) => existsSync(path));
  if (file === undefined) throw new Error("There is no zfs command");
  const real = join(folder, "real-zfs");
  copyFileSync(file, real);
  await chmod(real, 0o755);
  const zfs = await CountingZfs.make(folder, real);
  const executable = join(folder, "counted-btm");
  const own = `mount --bind '${zfs.command}' '${file}'; exec '${EXECUTABLE}' "$@"`;
  writeFileSync(executable, `#!/bin/sh\nexec unshare --mount sh -ec '${own.replaceAll("'", `'\\''`)}' sh "$@"\n`);
  await chmod(executable, 0o755);
  return { executable, zfs };
}

it("the daemon runs one zfs command for a due snapshot, none for others, and at the cap two more", async () => {
  const { dataset } = await suite.fresh();
  const { folder } = suite.pool;
  const { executable, zfs } = await countedBtm(folder);
  const [socket, config] = [join(folder, "btm.sock"), join(folder, "btm.toml")];
  writeFileSync(config, `socket = "${socket}"\n[volumes.node]\nvolume = "${dataset}"\nitv = 4\ncap = ${String(CAP)}\n`);
  await using daemon = await DaemonProcess.start(["--config", config], { executable });
  await daemon.says(`serving ${dataset}`);
  const client = new KeepAliveClient(socket, "node");
  const takenAt = async (height: number): Promise<unknown> => (await client.take(height)).body["taken"];
  try {
    expect(await takenAt(0)).toBe(true);
    zfs.calls();
    for (let height = 1; height < 4 * CAP; height++) {
      const isDue = height % 4 === 0;
      expect([height, await takenAt(height), zfs.calls()]).toEqual([height, isDue, isDue ? ["snapshot"] : []]);
    }
    for (let height = 4 * CAP; height < 8 * CAP; height += 4) {
      expect([height, await takenAt(height)]).toEqual([height, true]);
      expect(zfs.calls()).toEqual(["snapshot", "list", "destroy"]);
    }
    expect(await client.heights()).toHaveLength(CAP);
  } finally {
    client.close();
  }
});
