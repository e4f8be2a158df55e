import { execFile } from "node:child_process";
import { access, readdir, readFile, rm } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

/**
 * Unmounts everything below a folder, detaches the loop devices whose backing file is in it, and removes it; whether
 * nothing is left. A mount that was being made when its maker was killed may appear a moment later, so a clean pass counts
 * only when the folder is gone before it: from then on nothing new can start.
 */
export async function sweep(folder: string): Promise<boolean> {
  for (let pass = 0; pass < PASSES; pass++) {
    const isGone = !(await exists(folder));
    // Whoever still has a file open then keeps it; its place in the tree goes all the same.
    const isStubborn = pass > 20;
    const mounts = await mountsBelow(folder);
    for (const mountPoint of mounts.toReversed())
      await attempt("umount", isStubborn ? ["-l", mountPoint] : [mountPoint]);
    const devices = await loopDevicesOf(folder);
    for (const device of devices) await attempt("losetup", ["-d", device]);
    if (isGone && mounts.length === 0 && devices.length === 0) return true;
    // Never while something is mounted in it: that would empty what is mounted.
    if ((await mountsBelow(folder)).length === 0) await rm(folder, { recursive: true, force: true });
    if (pass > 1) await setTimeout(PAUSE_MS);
  }
  return false;
}

// A test that ran out of time may go on making mounts for a while.
const PASSES = 400;
const PAUSE_MS = 50;

/** The mount points below a folder, in the order of mounting; stacked ones as often as they are stacked. */
export async function mountsBelow(folder: string): Promise<string[]> {
  const lines = (await readFile("/proc/self/mountinfo", "utf8")).split("\n");
  return lines
    .map((line) => (line.split(" ")[4] ?? "").replace(/\\([0-7]{3})/g, (_, octal: string) => octalChar(octal)))
    .filter((mountPoint) => mountPoint.startsWith(`${folder}/`));
}

export async function loopDevicesOf(folder: string): Promise<string[]> {
  const devices: string[] = [];
  for (const name of await readdir("/sys/block")) {
    if (!name.startsWith("loop")) continue;
    const file = await readFile(`/sys/block/${name}/loop/backing_file`, "utf8").catch(() => "");
    if (file.startsWith(`${folder}/`)) devices.push(`/dev/${name}`);
  }
  return devices;
}

function octalChar(octal: string): string {
  return String.fromCharCode(parseInt(octal, 8));
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function attempt(command: string, args: readonly string[]): Promise<void> {
  // Refused or gone already: the next pass looks again.
  await run(command, args).catch(() => undefined);
}
