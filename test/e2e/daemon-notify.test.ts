import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";

import { BtrfsImage } from "../support/btrfs-image.ts";
import { DaemonProcess } from "../support/daemon-process.ts";

/** Node has no datagram sockets of that kind. */
const RECEIVER = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("bound", flush=True)
while True: print(s.recv(4096).decode().replace("\\n", " "), flush=True)
`;

it("tells systemd when it is ready, that it lives, that it reads again, and that it stops", async () => {
  const image = await BtrfsImage.make();
  const volume = await image.makeSubvolume("node");
  const notify = join(image.folder, "notify");
  const config = join(image.folder, "btm.toml");
  await writeFile(config, `socket = "${join(image.folder, "btm.sock")}"\n[volumes.node]\nvolume = "${volume}"\n`);
  const receiver = spawn("python3", ["-c", RECEIVER, notify], { stdio: ["ignore", "pipe", "inherit"] });
  let got = "";
  receiver.stdout.setEncoding("utf8").on("data", (chunk: string) => (got += chunk));
  try {
    await once(receiver.stdout, "data");
    const env = { NOTIFY_SOCKET: notify, WATCHDOG_USEC: "400000" };
    await using daemon = new DaemonProcess(["--config", config], { env });
    await expect.poll(() => got, { timeout: 60_000 }).toMatch(/^bound\nREADY=1 STATUS=Serving 1 volume\n/);
    await expect.poll(() => got, { timeout: 60_000 }).toMatch(/(^WATCHDOG=1\n[^]*){3}/m);
    daemon.child.kill("SIGHUP");
    await expect
      .poll(() => got, { timeout: 60_000 })
      .toMatch(/^RELOADING=1 MONOTONIC_USEC=\d+\n[^]*^READY=1 STATUS=Serving 1 volume\n/m);
    expect(await daemon.end("SIGTERM")).toBe(0);
    await expect.poll(() => got, { timeout: 60_000 }).toMatch(/^STOPPING=1 /m);
  } finally {
    receiver.kill("SIGKILL");
    await once(receiver, "exit");
    await image.dispose();
  }
});
