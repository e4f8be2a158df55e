import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import * as v from "valibot";

import { parseStored } from "../stored.ts";
import { isRootsOwn, makeRunFolder, RUN_FOLDER } from "../sys/run-folder.ts";
import { explainedFiles } from "./walk.ts";

/**
 * Which units must be started, from before the first is stopped until they are started again, so that whoever comes next can
 * do it when we are killed. It makes root start something, so only root may have written it. A file below /run: it is gone
 * after a reboot, when systemd starts what shall be started.
 */
interface Note {
  readonly btm: 1;
  readonly volume: string;
  /** In the order in which they are to be started. */
  readonly units: readonly string[];
  /** Who wrote it: its process, and when that was started in clock ticks since boot, for numbers are used again. */
  readonly pid: number;
  readonly started: string;
}

const schema = v.object({
  btm: v.literal(1),
  volume: v.string(),
  units: v.array(v.pipe(v.string(), v.regex(/^[^-/\s][^/\s]*\.[a-z]+$/))),
  pid: v.number(),
  started: v.string(),
});

export function writeNote(volume: string, units: readonly string[]): Promise<void> {
  const { pid } = process;
  const note: Note = { btm: 1, volume, units, pid, started: startOf(pid) ?? "" };
  return explainedFiles("write down which services must be started again", async () => {
    await makeRunFolder("write down which services must be started again");
    const file = noteFile(volume);
    await writeFile(`${file}.new`, JSON.stringify(note), { mode: 0o600 });
    await rename(`${file}.new`, file);
  });
}

/** The units that one who is gone has left stopped, in the order in which they are to be started; empty when there are none. */
export function unitsLeftStopped(volume: string): readonly string[] {
  let note: Note | undefined;
  try {
    if (!isRootsOwn(RUN_FOLDER) || !isRootsOwn(noteFile(volume))) return [];
    note = parseStored(schema, readFileSync(noteFile(volume), "utf8"));
  } catch {
    // None, or not for us to read: then not for us to start.
    return [];
  }
  if (note?.volume !== volume || startOf(note.pid) === note.started) return [];
  return note.units;
}

export function forgetNote(volume: string): Promise<void> {
  return explainedFiles("forget the services that are started again", () => rm(noteFile(volume), { force: true }));
}

/** Where it is: who starts the units without btm takes it away. */
export function noteFile(volume: string): string {
  return join(RUN_FOLDER, `services-${createHash("sha256").update(volume).digest("hex").slice(0, 32)}.json`);
}

/** When a process was started; undefined when it is gone. */
function startOf(pid: number): string | undefined {
  try {
    // proc(5): the name, field 2, is in parentheses and may contain anything; starttime is field 22.
    const stat = readFileSync(`/proc/${String(pid)}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}
