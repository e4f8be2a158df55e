import { readFileSync } from "node:fs";

import { BtmError } from "../errors.ts";
import { escapeText, quote } from "../text.ts";
import { nearestName } from "./suggest.ts";
import { unitNames, type UnitState } from "./systemctl.ts";

/**
 * A node that crashes and is started again and again is "activating" most of the time, and "deactivating" without a job in
 * between. With one, somebody is stopping it.
 */
export function isRunning({ active, hasJob }: UnitState): boolean {
  return ["active", "reloading", "refreshing", "activating"].includes(active) || (active === "deactivating" && !hasJob);
}

/** @throws BtmError BLOCKED when it is not there, when it is our own, or could not be stopped and started again */
export async function refuseUnit(state: UnitState): Promise<void> {
  const { unit, load } = state;
  await refuseUnknown(state, "stop");
  const fail = (why: string, hint: string): BtmError => refusal("stop", unit, why, hint);
  if (isOurs(state))
    throw fail("this command runs in it, and would be stopped with it", "Run it from a shell, or from another unit");
  if (!isRunning(state)) return;
  if (load !== "loaded" || !state.canStart) {
    const why = load === "loaded" ? "it refuses to be started by hand" : `its file is ${escapeText(load)}`;
    throw fail(`it could not be started again: ${why}`, `Look at systemctl status ${unit}`);
  }
  if (!state.canStop) throw fail("it refuses to be stopped by hand", `Look at systemctl status ${unit}`);
}

/** @throws BtmError BLOCKED when systemd does not know it */
export async function refuseUnknown({ unit, load }: UnitState, verb: "stop" | "freeze"): Promise<void> {
  if (load !== "not-found") return;
  const near = nearestName(unit, await unitNames(unit.slice(unit.lastIndexOf(".") + 1)));
  const hint = near === undefined ? "systemctl list-units shows those that there are" : `Did you mean ${quote(near)}?`;
  throw refusal(verb, unit, "systemd knows no unit of that name", hint);
}

function refusal(verb: string, unit: string, why: string, hint: string): BtmError {
  return new BtmError("BLOCKED", `Cannot ${verb} ${quote(unit)}: ${why}`, { hint, details: { unit } });
}

/**
 * Our own place among the control groups: of version 2, which has all processes, or in systemd's own hierarchy of version 1,
 * as long as that is in use.
 */
export function ownGroup(): string {
  const groups = [...readFileSync("/proc/self/cgroup", "utf8").matchAll(/^(?:0:|\d+:name=systemd):(.*)$/gm)];
  return groups.map(([, path = ""]) => path).find((path) => path.length > 1) ?? "";
}

function isOurs({ controlGroup }: UnitState): boolean {
  return controlGroup.length > 1 && `${ownGroup()}/`.startsWith(`${controlGroup}/`);
}
