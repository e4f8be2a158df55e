/** For fixtures that run under a systemd of their own: what stands by while a node is held, and what is left of that. */
import { existsSync, readdirSync } from "node:fs";

import { systemctl } from "./guest-units.ts";

const NOTES = "/run/btm";

/** The units that would let a node go. */
export const guards = (): string[] =>
  systemctl("list-units", "--all", "--plain", "--no-legend", "btm-guard-*")
    .split("\n")
    .map((line) => line.split(" ")[0] ?? "")
    .filter(Boolean);
const pidOf = (unit: string): number => Number(systemctl("show", "-P", "MainPID", "--", unit));
export const killGuard = (): void => {
  for (const guard of guards()) process.kill(pidOf(guard), "SIGKILL");
};
/** What is left in /run/btm; a lock stays, and nobody has it. */
export const left = (): string[] =>
  existsSync(NOTES) ? readdirSync(NOTES).filter((name) => !/^hold-.*\.lock$/.test(name)) : [];
