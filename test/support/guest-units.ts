/** For fixtures that run under a systemd of their own: units, and what becomes of them. */
import { execFileSync, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";

/** Makes a unit, which systemd knows from now on. */
export function makeUnit(name: string, service: string, unit = ""): void {
  writeFileSync(
    `/etc/systemd/system/${name}`,
    `[Unit]\n${unit}\n[Service]\nTimeoutStopSec=10\nExecStart=/bin/sleep infinity\n${service}\n`,
  );
  systemctl("daemon-reload");
}

/** One that does not end by itself. */
export function startUnit(name: string, service = "", unit = ""): void {
  makeUnit(name, service, unit);
  systemctl("start", name);
}

export function systemctl(...args: readonly string[]): string {
  return execFileSync("systemctl", args, { encoding: "utf8" }).trim();
}

/** "active", "inactive", "failed" and others, of each unit. */
export function statesOf(...units: readonly string[]): string {
  return spawnSync("systemctl", ["is-active", ...units], { encoding: "utf8" })
    .stdout.trim()
    .split("\n")
    .join(" ");
}

/** Those of the units that run, in the order in which they were started last. */
export function startOrder(...units: readonly string[]): string[] {
  const at = (unit: string): number => Number(systemctl("show", "-P", "ActiveEnterTimestampMonotonic", unit));
  return units.toSorted((a, b) => at(a) - at(b));
}
