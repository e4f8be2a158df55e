import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

import { guestEnvironment } from "../../tools/guest-environment.ts";
import { findLab } from "../../tools/find-zfs.ts";
import { cutPower } from "../../tools/guest.ts";
import { run } from "./run.ts";
import { fileOf } from "./fixture.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** What starts a real systemd, with the kernel of this machine; undefined where there is none. */
export function findSystemd(): string | undefined {
  const lab = findLab();
  const command = lab === undefined ? "" : join(lab, "systemd-run");
  return existsSync(command) ? command : undefined;
}

/** The same with the lab's kernel, which has ZFS: slow, and only the lab that comes with a checkout has a tree for it. */
export function findZfsSystemd(): string | undefined {
  const lab = findLab();
  return lab !== undefined && existsSync(join(lab, "systemd-run")) ? join(lab, "zfs-run") : undefined;
}

/** How long a guest may take: a guard against a hang, for a machine with much else to do. */
export const GUEST_MS = 600_000;

/**
 * Runs a fixture under a systemd of its own, which sees nothing of this machine but its kernel and the folder that is made for
 * it: with Node, the fixture and all that it imports in one file, the executable as "btm", and what else is named.
 *
 * @returns the last line that the fixture prints, read as JSON
 */
export async function inSystemd(
  systemd: string,
  fixture: string,
  extra: readonly string[] = [],
  args: readonly string[] = [],
): Promise<unknown> {
  const folder = await mkdtemp(join(tmpdir(), "btm-systemd-"));
  const isZfs = systemd.endsWith("/zfs-run");
  try {
    const modules = join(ROOT, "node_modules");
    for (const name of ["koffi", "@koromix"]) {
      await cp(join(modules, name), join(folder, "node_modules", name), { recursive: true, dereference: true });
    }
    await cp(process.execPath, join(folder, "node"));
    await cp(join(ROOT, "build/btm"), join(folder, "btm"));
    for (const file of extra) {
      await cp(resolve(ROOT, file), join(folder, file.slice(file.lastIndexOf("/") + 1)), { dereference: true });
    }
    const bundle = join(folder, "fixture.mjs");
    await run(join(ROOT, ".tools/bun"), [
      "build",
      "--target=node",
      "--external=koffi",
      `--outfile=${bundle}`,
      fileOf(fixture),
    ]);
    // The one shell is the guest's own; the words are paths of ours.
    const line = `'${folder}/node' --no-warnings '${bundle}' ${args.join(" ")}`;
    // The kernel of the lab, which has ZFS, boots a systemd too, when it is told to.
    const boots = isZfs ? ["-s"] : [];
    const guest = spawn(systemd, [...boots, "-w", folder, line], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...(await guestEnvironment()), VMTIMEOUT: String(GUEST_MS / 1000) },
    });
    const [stdout, stderr] = await Promise.all([text(guest.stdout), text(guest.stderr), once(guest, "close")]);
    if (guest.exitCode !== 0) throw new Error(`The guest ended with ${String(guest.exitCode)}: ${stdout}${stderr}`);
    return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
  } finally {
    if (isZfs) await cutPower(dirname(systemd), folder);
    await rm(folder, { recursive: true, force: true });
  }
}
