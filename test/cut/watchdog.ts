/**
 * Started detached with the lab, a folder and the reading end of a pipe. The pipe ends when the test is done with its guests,
 * and just as well when its process is killed in any way: then what runs on the folder is ended, and the folder goes.
 */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";

const [lab, folder] = process.argv.slice(2);
if (lab === undefined || folder === undefined) throw new TypeError("The lab and a folder are needed");
// A Ctrl-C in the terminal reaches the whole session of the tests; whoever cleans up after them must outlive it.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
process.stdin.resume();
process.stdin.on("end", () => {
  takeDown(lab, folder).then(
    () => process.exit(0),
    () => process.exit(1),
  );
});

async function takeDown(lab: string, folder: string): Promise<void> {
  // Again and again: cut while it boots, it is booted once more.
  while (hasGuest(folder)) {
    // It fails when there is nothing to cut at the moment.
    await promisify(execFile)(join(lab, "zfs-cut"), [folder]).catch(() => undefined);
    await setTimeout(100);
  }
  await rm(folder, { recursive: true, force: true });
}

/** Whether what boots a guest on the folder, and clears up after it, still runs. */
function hasGuest(folder: string): boolean {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.some((pid) => argumentsOf(pid).includes(`\0-w\0${folder}\0`));
}

function argumentsOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    // Ended meanwhile.
    return "";
  }
}
