import { existsSync } from "node:fs";
import { join } from "node:path";

import { BtmError } from "../errors.ts";
import { isUnderSystemd, systemProgram, type UnitState, unitStates } from "../rollback/systemctl.ts";
import { refuseUnit, refuseUnknown } from "../rollback/unit-checks.ts";
import { checkUnitName } from "../rollback/unit-name.ts";
import { readMounts } from "../sys/mounts.ts";
import { freezableFolder, NEEDS, prepareFreeze } from "./freeze.ts";
import { GUARD_PROGRAMS } from "./guard.ts";
import type { Hold } from "./hold-session.ts";
import type { Holder, HolderOptions } from "./holder.ts";
import { prepareStop } from "./stop.ts";
import { unavailable } from "./unavailable.ts";

/**
 * Looks whether a node could be held on this system, without doing it: for the start of a daemon. One that does not run at
 * the moment is no obstacle.
 *
 * @throws BtmError QUIESCE_UNAVAILABLE, BAD_OPTION for a name that is none, BLOCKED for a unit that is not there or could not
 * be started again
 */
export async function checkQuiesce(kind: Hold | "none", unit: string): Promise<void> {
  if (kind === "none") return;
  const state = await lookAtUnit(kind, checkUnitName(unit));
  if (kind === "stop") return;
  if (!readMounts().some(({ type }) => type === "cgroup2")) {
    throw unavailable(kind, state.unit, "no control groups of version 2 are mounted", { hint: NEEDS });
  }
  if (state.controlGroup === "") return;
  if (!existsSync(join(freezableFolder(state), "cgroup.freeze"))) {
    throw unavailable(kind, state.unit, "this kernel cannot freeze control groups", { hint: NEEDS });
  }
}

/** @throws BtmError those of {@link checkQuiesce} */
async function lookAtUnit(kind: Hold, unit: string): Promise<UnitState> {
  if (process.geteuid?.() !== 0) {
    throw new BtmError("PERMISSION_DENIED", `Cannot ${kind} a service: only root may`, { hint: "Run it as root" });
  }
  if (!isUnderSystemd()) {
    throw unavailable(kind, unit, "this system does not run under systemd", { hint: "Set quiesce to flush or none" });
  }
  const missing = GUARD_PROGRAMS.find((name) => systemProgram(name) === undefined);
  if (missing !== undefined) {
    throw unavailable(kind, unit, `there is no ${missing}`, { hint: "Install systemd's own programs, and coreutils" });
  }
  const [state] = await unitStates([unit]);
  if (state === undefined) throw unavailable(kind, unit, "systemd tells nothing of it", { hint: "systemctl status" });
  if (kind === "stop") await refuseUnit(state);
  else await refuseUnknown(state, kind);
  return state;
}

/** @throws what keeps it from being held */
export async function prepareHolder(kind: Hold, options: HolderOptions): Promise<Holder> {
  const state = await lookAtUnit(kind, checkUnitName(options.unit));
  const own = { ...options, unit: state.unit };
  return kind === "freeze" ? prepareFreeze(state, own) : prepareStop(own);
}
