/**
 * Leaves nothing behind, however the demo ends. Before anything is made, a watchdog is started: this file as a process of
 * its own, in a session of its own, holding one end of a pipe. When the other end closes (because the demo is done, has
 * failed, was interrupted, or was killed with -9) it clears away. That is the only place where anything is cleared away,
 * so the path for the worst case is the one that every run takes.
 *
 * It is told nothing but the folder. What leads there the kernel knows: mounts, loop devices, and processes by their mark.
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { lstat, readdir, readFile, rm } from "node:fs/promises";
import { basename, sep } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

/** What the name of every folder begins with; nothing else is ever cleared away. */
export const FOLDER_PREFIX = "btm-demo-";

const MARK = "BTM_DEMO_FOLDER";
const PATIENCE_MS = 10_000;

/** What the environment of a process must hold to be ended with the demo. */
export function markOf(folder: string): Record<string, string> {
  return { [MARK]: folder };
}

export interface Watchdog {
  /** Has everything cleared away, and waits for it; false when something is left, which the watchdog has then named. */
  clearAway(): Promise<boolean>;
}

/** To be started before the folder is made. */
export function startWatchdog(folder: string): Watchdog {
  const child = spawn(process.execPath, [import.meta.filename, folder], {
    detached: true,
    stdio: ["pipe", "ignore", "inherit"],
  });
  const closed = once(child, "close") as Promise<[number | null]>;
  return {
    async clearAway() {
      child.stdin.end();
      const [status] = await closed;
      // Without a status it was killed itself: another does its work.
      return status === null ? startWatchdog(folder).clearAway() : status === 0;
    },
  };
}

/** Ends the processes, unmounts, detaches, removes; gives what could not be, for people. */
async function clearAway(folder: string): Promise<string[]> {
  if (!basename(folder).startsWith(FOLDER_PREFIX)) throw new Error(`Not a folder of the demo: ${folder}`);
  const steps: { find: () => Promise<string[]>; end: (found: string) => unknown; name: string }[] = [
    { name: "process", find: () => markedProcesses(folder), end: (pid) => process.kill(Number(pid), "SIGKILL") },
    { name: "mount", find: () => mountsIn(folder), end: (path) => command("umount", path) },
    { name: "loop device", find: () => loopDevicesOf(folder), end: (device) => command("losetup", "-d", device) },
  ];
  for (const { name, find, end } of steps) {
    const left = await repeat(find, end);
    // What is below stays as well: a folder with something mounted in it is not to be removed.
    if (left.length > 0) return left.map((found) => `${name} ${found}`);
  }
  await rm(folder, { recursive: true, force: true });
  return (await exists(folder)) ? [`folder ${folder}`] : [];
}

/** Until nothing is found any more: a killed process lets go of its files a moment after it is gone. */
async function repeat(find: () => Promise<string[]>, end: (found: string) => unknown): Promise<string[]> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await find();
    if (found.length === 0 || Date.now() > deadline) return found;
    for (const one of found) {
      try {
        await end(one);
      } catch {
        // Gone already, or busy yet: looking again tells.
      }
    }
    await sleep(20);
  }
}

/**
 * The pipe closes only when every child that was being started has become its program and bears the mark: until then it
 * holds a copy of the demo's end. So none is missed.
 */
async function markedProcesses(folder: string): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const marked = await Promise.all(
    pids.map(async (pid) => (await contentOf(`/proc/${pid}/environ`)).split("\0").includes(`${MARK}=${folder}`)),
  );
  return pids.filter((_, i) => marked[i]);
}

/** The innermost first. */
async function mountsIn(folder: string): Promise<string[]> {
  const lines = (await contentOf("/proc/self/mountinfo")).split("\n");
  return lines
    .map((line) => unescape(line.split(" ")[4] ?? ""))
    .filter((path) => path.startsWith(folder + sep))
    .reverse();
}

async function loopDevicesOf(folder: string): Promise<string[]> {
  const devices = (await readdir("/sys/block")).filter((name) => name.startsWith("loop"));
  const files = await Promise.all(devices.map((name) => contentOf(`/sys/block/${name}/loop/backing_file`)));
  return devices.filter((_, i) => files[i]?.startsWith(folder + sep)).map((name) => `/dev/${name}`);
}

/** The kernel writes blank, tab, newline and backslash as three octal digits. */
function unescape(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}

/** Empty when there is no such file, or no longer. */
async function contentOf(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch {
    return "";
  }
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

async function command(file: string, ...args: readonly string[]): Promise<void> {
  await promisify(execFile)(file, args, { env: { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` } });
}

async function main(folder: string): Promise<void> {
  // A machine that shuts down a session tells everyone in it, and this is needed last.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
  process.stdin.resume();
  await once(process.stdin, "close");
  const left = await clearAway(folder);
  if (left.length === 0) return;
  process.stderr.write(
    `Could not clear away: ${left.join(", ")}. Something uses it still, perhaps a shell that stands in it.\n` +
      `When that is gone: umount ${folder}/*; rm -r ${folder}\n`,
  );
  process.exitCode = 1;
}

if (process.argv[1] === import.meta.filename && process.argv[2] !== undefined) await main(process.argv[2]);
