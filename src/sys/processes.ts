import { throwIfAborted } from "../errors.ts";
import { within } from "./within.ts";
import { readdir, readFile, readlink, stat } from "node:fs/promises";

/** A process that uses a file system or subvolume. */
export interface ProcessUse {
  readonly pid: number;
  /** Its command line, or its name when it has none. */
  readonly command: string;
  /** How: an open file, the working directory, the root directory, the program itself, or a mapping. */
  readonly how: "open file" | "working directory" | "root directory" | "program" | "mapped file";
  /** One path, as the kernel tells it. */
  readonly path: string;
  readonly inode: bigint;
  /** The systemd unit that it belongs to, "node.service"; undefined when it belongs to none. */
  readonly unit: string | undefined;
}

export interface ProcessesOnOptions {
  /** The inode whose open descriptors in this process do not count: they are those of the looking itself. */
  readonly ownExcept: bigint;
  /** major:minor of the whole file system, as mountinfo has it; undefined when it is not known. */
  readonly fileSystem: string | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * The processes that have something open on a device, each with one example.
 *
 * Every Btrfs subvolume has a device number of its own, so a stat of the links under /proc tells its users without
 * opening anything. Mappings are looked at through map_files, but only those of the file system: its device is what
 * /proc/<pid>/maps prints, and a virtual machine may have a hundred thousand others. What we may not look at is left out,
 * so only root sees everything.
 *
 * @param devices st_dev as stat(2) gives it, of each
 */
export async function processesOn(devices: ReadonlySet<bigint>, options: ProcessesOnOptions): Promise<ProcessUse[]> {
  const uses: ProcessUse[] = [];
  const pids = (await listOrNothing("/proc")).filter((name) => /^\d+$/.test(name)).values();
  const look = async (): Promise<void> => {
    for (const pid of pids) {
      throwIfAborted(options.signal);
      const except = Number(pid) === process.pid ? options.ownExcept : undefined;
      const use = await firstUse(`/proc/${pid}`, devices, except, options.fileSystem).catch(ifSilent);
      if (use === undefined) continue;
      const command = (await within(LOOK_MS, commandOf(pid))) ?? "[does not answer]";
      const unit = await within(LOOK_MS, unitOf(pid));
      uses.push({ pid: Number(pid), command, unit, ...use });
    }
  };
  await Promise.all(Array.from({ length: LOOKS_AT_ONCE }, look));
  return uses.sort((a, b) => a.pid - b.pid);
}

/** As many as there are threads for calls that may wait (UV_THREADPOOL_SIZE in the documentation of Node). */
const LOOKS_AT_ONCE = 4;

async function firstUse(
  folder: string,
  devices: ReadonlySet<bigint>,
  except: bigint | undefined,
  fileSystem: string | undefined,
): Promise<Pick<ProcessUse, "how" | "path" | "inode"> | undefined> {
  const links: [ProcessUse["how"], string][] = [
    ["working directory", `${folder}/cwd`],
    ["root directory", `${folder}/root`],
    ["program", `${folder}/exe`],
  ];
  // Each call alone has a limit: one process may have many thousands of files open, and a machine much else to do.
  for (const fd of (await within(LOOK_MS, listOrNothing(`${folder}/fd`))) ?? [])
    links.push(["open file", `${folder}/fd/${fd}`]);
  for (const range of await answered(mappedRanges(folder, fileSystem)))
    links.push(["mapped file", `${folder}/map_files/${range}`]);
  for (const [how, link] of links) {
    const file = await answered(identityOf(link));
    if (file === undefined || !devices.has(file.dev) || (how === "open file" && file.ino === except)) continue;
    return { how, path: await readlink(link).catch(() => link), inode: file.ino };
  }
  return undefined;
}

/** The mapped ranges, as map_files calls them, that are of a file system. */
async function mappedRanges(folder: string, fileSystem: string | undefined): Promise<string[]> {
  if (fileSystem === undefined) return listOrNothing(`${folder}/map_files`);
  const device = fileSystem
    .split(":")
    .map((number) => Number(number).toString(16).padStart(2, "0"))
    .join(":");
  const maps = await readFile(`${folder}/maps`, "utf8").catch(() => "");
  // 00400000-00452000 r-xp 00000000 08:02 173521 /usr/bin/dbus-daemon; map_files has no leading zeros
  const lines = maps.matchAll(/^0*([0-9a-f]+)-0*([0-9a-f]+) \S+ \S+ ([0-9a-f]+:[0-9a-f]+) /gm);
  return [...lines].flatMap(([, start, end, of]) => (of === device ? [`${start ?? ""}-${end ?? ""}`] : []));
}

/** A process that the kernel holds may keep its /proc waiting. */
const LOOK_MS = 2000;

/** The kernel does not tell of a process: it is not asked on and on. */
class Silent extends Error {}

/** @throws Silent */
async function answered<T>(work: Promise<T>): Promise<T> {
  const answer = await within(
    LOOK_MS,
    work.then((value) => ({ value })),
  );
  if (answer === undefined) throw new Silent();
  return answer.value;
}

function ifSilent(error: unknown): undefined {
  if (!(error instanceof Silent)) throw error;
}

/**
 * The pid of a process holding a flock(2) on a file or directory, as far as we may look; undefined when none is seen. Of
 * one that we may not look into, /proc/locks is believed where it names the very device.
 */
export async function lockHolder(device: bigint, inode: bigint): Promise<number | undefined> {
  // 1: FLOCK  ADVISORY  WRITE 4242 00:2a:256 0 EOF; the device printed is that of the whole file system
  const locks = await readFile("/proc/locks", "utf8").catch(() => "");
  let likely: number | undefined;
  for (const match of locks.matchAll(/FLOCK\s+ADVISORY\s+WRITE\s+(\d+)\s+([0-9a-f]+:[0-9a-f]+):(\d+)\s/g)) {
    const [, pid = "", of = "", number = "0"] = match;
    if (BigInt(number) !== inode) continue;
    if (of === deviceText(device)) likely = Number(pid);
    for (const fd of await listOrNothing(`/proc/${pid}/fd`)) {
      const file = await identityOf(`/proc/${pid}/fd/${fd}`);
      if (file?.dev !== device || file.ino !== inode) continue;
      const info = await readFile(`/proc/${pid}/fdinfo/${fd}`, "utf8").catch(() => "");
      if (/^lock:.*FLOCK/m.test(info)) return Number(pid);
    }
  }
  return likely;
}

/** As /proc/locks has it: the major and the minor number (makedev(3)) in hexadecimal. */
function deviceText(device: bigint): string {
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn);
  const minor = (device & 0xffn) | ((device >> 12n) & ~0xffn);
  return [major, minor].map((number) => number.toString(16).padStart(2, "0")).join(":");
}

/** The pid of a process holding a lock on a byte of a device, as far as we may look; undefined when none is seen. */
export async function byteLockHolder(device: string, at: bigint): Promise<number | undefined> {
  for (const pid of await listOrNothing("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    for (const fd of await listOrNothing(`/proc/${pid}/fd`)) {
      if ((await readlink(`/proc/${pid}/fd/${fd}`).catch(() => "")) !== device) continue;
      const info = await readFile(`/proc/${pid}/fdinfo/${fd}`, "utf8").catch(() => "");
      if (locksByte(info, at)) return Number(pid);
    }
  }
  return undefined;
}

function locksByte(fdinfo: string, at: bigint): boolean {
  // lock:	1: OFDLCK ADVISORY  WRITE -1 00:05:169 5 5; such a lock has no pid. One for reading is in the way as well.
  const locks = fdinfo.matchAll(/^lock:.*(?:OFDLCK|POSIX)\s+ADVISORY\s+\S+\s+-?\d+\s+\S+\s+(\d+) (\d+|EOF)$/gm);
  return [...locks].some(([, start = "0", end = "0"]) => BigInt(start) <= at && (end === "EOF" || at <= BigInt(end)));
}

/** The processes that have a block device open, each with one example. */
export async function processesWithDevice(path: string): Promise<ProcessUse[]> {
  const uses: ProcessUse[] = [];
  for (const pid of await listOrNothing("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    for (const fd of await listOrNothing(`/proc/${pid}/fd`)) {
      if ((await readlink(`/proc/${pid}/fd/${fd}`).catch(() => "")) !== path) continue;
      const [command, unit] = [await commandOf(pid), await unitOf(pid)];
      uses.push({ pid: Number(pid), command, how: "open file", path, inode: 0n, unit });
      break;
    }
  }
  return uses;
}

/** The arguments a process was started with, or its name in brackets when it has none (a kernel thread). */
export async function commandOf(pid: number | string): Promise<string> {
  const line = await readFile(`/proc/${String(pid)}/cmdline`, "utf8").catch(() => "");
  if (line !== "") return line.replace(/\0$/, "").split("\0").join(" ");
  const name = await readFile(`/proc/${String(pid)}/comm`, "utf8").catch(() => "gone");
  return `[${name.trim()}]`;
}

/** The systemd unit that a process belongs to; undefined when it belongs to none, or is gone. */
async function unitOf(pid: number | string): Promise<string | undefined> {
  return unitInGroups(await readFile(`/proc/${String(pid)}/cgroup`, "utf8").catch(() => ""));
}

/**
 * The unit that a /proc/PID/cgroup names. What it makes within its own group does not matter; the root slice is no
 * unit that could be stopped.
 *
 * @example
 * unitInGroups("0::/system.slice/node.service/worker\n"); // "node.service"
 */
export function unitInGroups(cgroup: string): string | undefined {
  // Version 2 has "0::PATH"; where systemd keeps a hierarchy of version 1, it is that one which it fills.
  const paths = [...cgroup.matchAll(/^(?:0:|\d+:name=systemd):(.*)$/gm)].map(([, path = ""]) => path);
  const units = paths.map((path) => path.split("/").findLast((part) => UNIT.test(part) && part !== "-.slice"));
  return units.find((unit) => unit !== undefined);
}

const UNIT = /\.(service|scope|slice)$/;

/** When a process started; undefined when it is gone. */
export async function startOf(pid: number): Promise<Date | undefined> {
  const [own, system] = await Promise.all([
    readFile(`/proc/${String(pid)}/stat`, "utf8").catch(() => ""),
    readFile("/proc/stat", "utf8"),
  ]);
  // The name, field 2, is in parentheses and may contain anything; starttime is field 22, in ticks of 1/100 s (USER_HZ).
  const ticks = own.slice(own.lastIndexOf(")") + 2).split(" ")[19];
  const boot = /^btime (\d+)$/m.exec(system)?.[1];
  return ticks === undefined || boot === undefined ? undefined : new Date((Number(boot) + Number(ticks) / 100) * 1000);
}

async function identityOf(path: string): Promise<{ readonly dev: bigint; readonly ino: bigint } | undefined> {
  try {
    return await stat(path, { bigint: true });
  } catch {
    // Gone meanwhile, or a link that leads nowhere (a socket, a memory file): no use of our device.
    return undefined;
  }
}

async function listOrNothing(folder: string): Promise<string[]> {
  // A process that ended meanwhile has nothing open; one that we may not look at is out of our sight.
  return readdir(folder).catch(() => []);
}
