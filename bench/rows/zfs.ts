import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { findLab, hasZfs } from "../../tools/find-zfs.ts";
import { runGuest } from "../../tools/guest.ts";
import type { Line, Row } from "../lib/row.ts";
import { measureZfs, type ZfsTools } from "../zfs/measure-zfs.ts";

const PROGRAM = fileURLToPath(new URL("../zfs/in-guest.ts", import.meta.url));
const VERSIONS: Readonly<Record<string, string>> = { 21: "2.1", 23: "2.3" };

/** On the ZFS of this machine, or in the lab on one of its two. */
export function zfsRow(version: string): Row {
  const name = VERSIONS[version];
  if (name === undefined) throw new Error(`Unknown OpenZFS "${version}": expected 21 or 23`);
  return {
    name: "zfs",
    title: "ZFS: listing, taking and destroying snapshots",
    run: async (tools) => {
      if (hasZfs()) return measureZfs(tools);
      const lab = findLab();
      if (lab === undefined) {
        console.error(
          "\n*** NOT MEASURED: the rows of ZFS are left out, they need ZFS on this machine or the lab ***\n",
        );
        return [];
      }
      const lines = await measureInLab(lab, version, tools);
      return lines.map((line) => ({ ...line, what: `OpenZFS ${name} in the lab: ${line.what}` }));
    },
  };
}

async function measureInLab(lab: string, zfs: string, { measure, executable }: ZfsTools): Promise<Line[]> {
  let shared: string | undefined;
  // A Ctrl-C ends this process at once.
  const cut = (): void => {
    if (shared === undefined) return;
    spawnSync(join(lab, "zfs-cut"), [shared]);
    rmSync(shared, { recursive: true, force: true });
  };
  process.on("exit", cut);
  // On a busy machine it takes long, and is not to be cut short.
  process.env["VMTIMEOUT"] ??= "3600";
  const { status, output, collected } = await runGuest({
    lab,
    zfs,
    line: (folder) => {
      shared = folder;
      const words = ["env", `BTM_ZFS_FOLDER=${folder}`, "NODE_NO_WARNINGS=1", process.execPath, PROGRAM];
      return [...words, join(folder, RESULT), measure, executable].map((word) => `'${word}'`).join(" ");
    },
    collect: (folder) => readFile(join(folder, RESULT), "utf8").catch(() => ""),
    signal: new AbortController().signal,
  }).finally(() => process.off("exit", cut));
  if (status !== 0) throw new Error(`The guest ended with ${String(status)}: ${output.trim()}`);
  return JSON.parse(collected) as Line[];
}

const RESULT = "lines.json";
