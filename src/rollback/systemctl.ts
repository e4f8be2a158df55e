import { accessSync, constants, existsSync } from "node:fs";

import { BtmError } from "../errors.ts";
import { escapeText } from "../text.ts";

/** What systemd tells of a unit. */
export interface UnitState {
  /** Its own name, also when it was asked for by another. */
  readonly unit: string;
  /** "loaded", "not-found", "masked" and others. */
  readonly load: string;
  /** "active", "inactive", "failed", "activating" and others. */
  readonly active: string;
  readonly canStart: boolean;
  readonly canStop: boolean;
  /** Whether something was asked of it that is not done yet. */
  readonly hasJob: boolean;
  /** Its processes' place in /proc/PID/cgroup; empty when it has none. */
  readonly controlGroup: string;
  /** Those that systemd stops with it, and does not start with it. */
  readonly dependents: readonly string[];
  /** Those that start it when something happens. */
  readonly triggeredBy: readonly string[];
  readonly after: readonly string[];
}

/** What is known of units, in the order in which they were asked for. */
export async function unitStates(units: readonly string[]): Promise<UnitState[]> {
  if (units.length === 0) return [];
  const { status, stdout, stderr } = await systemctl(["show", `--property=${PROPERTIES.join(",")}`, "--", ...units]);
  if (status !== 0) throw unavailable(`systemctl show failed: ${escapeText(stderr.trim())}`);
  const blocks = stdout.split(/\n\n+/).filter((block) => block.trim() !== "");
  if (blocks.length !== units.length) throw unavailable("systemctl show told of other units than it was asked for");
  return blocks.map(parse);
}

/** Also of such as were made long before: what an old systemd does not know it leaves out. */
const PROPERTIES = [
  "Id",
  "LoadState",
  "ActiveState",
  "CanStart",
  "CanStop",
  "Job",
  "ControlGroup",
  "RequiredBy",
  "RequisiteOf",
  "BoundBy",
  "ConsistsOf",
  "PropagatesStopTo",
  "TriggeredBy",
  "After",
];

function parse(block: string): UnitState {
  const values = new Map(
    block.split("\n").map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
  const value = (name: string): string => values.get(name) ?? "";
  const list = (name: string): string[] => value(name).split(" ").filter(Boolean);
  return {
    unit: value("Id"),
    load: value("LoadState"),
    active: value("ActiveState"),
    canStart: value("CanStart") !== "no",
    canStop: value("CanStop") !== "no",
    hasJob: !["", "0"].includes(value("Job")),
    controlGroup: value("ControlGroup"),
    dependents: ["RequiredBy", "RequisiteOf", "BoundBy", "ConsistsOf", "PropagatesStopTo"].flatMap(list),
    triggeredBy: list("TriggeredBy"),
    after: list("After"),
  };
}

/** The names of all units of a kind, for suggestions. */
export async function unitNames(kind: string): Promise<string[]> {
  const names = new Set<string>();
  for (const command of [["list-unit-files"], ["list-units", "--all", "--plain"]]) {
    const { stdout } = await systemctl([...command, "--no-legend", `--type=${kind}`]);
    for (const line of stdout.split("\n")) names.add(line.split(" ")[0] ?? "");
  }
  return [...names].filter((name) => name !== "" && !name.includes("@."));
}

/** Runs systemctl; how it ended. Asked to stop or start, it ends when that is done. */
export async function systemctl(
  args: readonly string[],
): Promise<{ readonly status: number | null; readonly stdout: string; readonly stderr: string }> {
  if (!isUnderSystemd()) throw unavailable("this system does not run under systemd");
  const file = systemProgram("systemctl");
  if (file === undefined) throw unavailable(`there is no systemctl in ${PROGRAM_FOLDERS.join(", ")}`);
  const { CommandTimeout, runCommand } = await import("../sys/spawn.ts");
  try {
    return await runCommand(file, ["--system", "--no-pager", "--no-ask-password", ...args], { timeoutMs: LIMIT_MS });
  } catch (error) {
    if (!(error instanceof CommandTimeout)) throw error;
    return { status: null, stdout: "", stderr: error.message };
  }
}

/** Whether systemd is what runs this system, as sd_booted(3) tells it. */
export function isUnderSystemd(): boolean {
  return existsSync("/run/systemd/system");
}

/** Where a program of the system is, whatever the caller's PATH says; undefined when there is none. */
export function systemProgram(name: string): string | undefined {
  return PROGRAM_FOLDERS.map((folder) => `${folder}/${name}`).find(isExecutable);
}

/** Also where NixOS has them. */
const PROGRAM_FOLDERS = ["/usr/bin", "/bin", "/run/current-system/sw/bin"];
/** systemd itself gives a unit 90 s, and a node may be given half an hour to write out what it has in memory. */
const LIMIT_MS = 60 * 60_000;

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function unavailable(why: string): BtmError {
  return new BtmError("BLOCKED", `Cannot see to the services: ${why}`, {
    hint: "Stop what uses the volume by hand, then run the command without --service",
  });
}
