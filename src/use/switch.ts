import type { RollbackPlan, Volume } from "../driver/driver.ts";
import { BtmError, isBtmError, throwIfAborted } from "../errors.ts";
import type { RollbackResult } from "../results.ts";
import { isPreserved, preserveFiles } from "../rollback/preserve.ts";
import { signerState } from "../rollback/signer.ts";
import { type Service, stopServices, type StoppedServices } from "../rollback/services.ts";
import type { Session } from "../session.ts";
import { quote } from "../text.ts";
import { planSwitch, type Planned, sameSwitch, type SwitchGoal } from "./switch-plan.ts";
import { checkWishes, type SwitchWishes, type Wishes } from "./switch-wishes.ts";
import type { Use } from "./use.ts";

/**
 * The way of a rollback and of its undoing: plan, ask, lock, stop the services, plan again and strictly, switch, let the
 * volume go, start the services.
 */
export async function switchTo(use: Use, options: SwitchWishes, choose: SwitchGoal): Promise<RollbackResult> {
  const wishes = await checkWishes(options);
  const { dryRun, signal, confirm } = wishes;
  let stopped: StoppedServices | undefined;
  let result: RollbackResult;
  try {
    result = await use.run(signal, async (session) => {
      let plan: RollbackPlan | undefined;
      let globs: readonly string[] = [];
      const makePlan = async (without: readonly Service[], recovered: readonly string[]): Promise<RollbackResult> => {
        const planned: Planned = await planSwitch(session.volume, wishes, choose, without, recovered);
        ({ plan, globs } = planned);
        return planned.result;
      };
      if (dryRun) return makePlan(wishes.services, await session.volume.pending());
      const agreed = await session.agree(() => makePlan(wishes.services, session.recovered), sameSwitch, confirm);
      throwIfAborted(signal);
      stopped = await stopServices(wishes.units, { volume: session.volume.name, onStep: use.onStep, signal });
      // What the services have in use is free now; what still has it in use is not theirs.
      const last = wishes.units.length === 0 ? agreed : await makePlan([], session.recovered);
      if (!sameSwitch(agreed, last)) throw planChanged(session);
      throwIfAborted(signal);
      return await carryOut(session.volume, plan, last, { ...wishes, globs });
    });
  } catch (error) {
    // The volume may not be mounted: a node on an empty directory would begin anew, its signing state included.
    if (stopped !== undefined && isUnfinished(error)) throw withWarnings(error, [leftStopped(stopped)]);
    throw withWarnings(error, (await stopped?.start()) ?? []);
  }
  const warnings = (await stopped?.start()) ?? [];
  if (warnings.length === 0) return result;
  throw new BtmError("SERVICE_FAILED", `${doneText(use.cfg.volume, result)}, but ${warnings.join("; ")}`, {
    hint: "Start them by hand",
    details: { warnings: [...result.warnings, ...warnings], recovered: result.recovered, undo: result.undo?.number },
  });
}

async function carryOut(
  volume: Volume,
  plan: RollbackPlan | undefined,
  agreed: RollbackResult,
  { globs, force, allowSignerRewind, signal }: Wishes,
): Promise<RollbackResult> {
  if (plan === undefined) throw new TypeError("There is no plan to carry out");
  let { preserved } = agreed;
  const carry = async (live: string, staged: string): Promise<void> => {
    preserved = await preserveFiles(live, staged, globs, signal);
  };
  // A signer that holds nothing open may have signed since the plan, or since the files were carried over. The signal
  // stops it no more: the switch is under way.
  const verify = async (live: string, staged: string): Promise<void> => {
    const signer = await signerState(live, staged, undefined);
    const moved = signer.filter(({ state, path }) => {
      return state !== "same" && (!allowSignerRewind || isPreserved(path, globs));
    });
    if (moved.length === 0) return;
    const names = moved.map(({ path, what }) => `${quote(path)} (${what})`).join(", ");
    throw new BtmError("SIGNER_STATE", `Nothing was changed: meanwhile something has signed, and written ${names}`, {
      hint: "Stop the signer as well, then run the command again",
    });
  };
  const help = { force, carry: globs.length === 0 ? undefined : carry, verify };
  const warnings = await volume.rollback(plan, help);
  return { ...agreed, preserved, warnings: [...agreed.warnings, ...warnings] };
}

function isUnfinished(error: unknown): boolean {
  return isBtmError(error) && (error.code === "PARTLY_DONE" || error.code === "TIMED_OUT");
}

function leftStopped({ services }: StoppedServices): string {
  const units = services.filter(({ isRunning }) => isRunning).map(({ unit }) => quote(unit));
  return `${units.join(", ")} stay stopped until btm recover has finished it, which starts them`;
}

function planChanged({ volume }: Session): BtmError {
  const what = `while the services stopped, ${quote(volume.name)} became another than the plan says`;
  return new BtmError("PLAN_CHANGED", `Nothing was changed: ${what}`, {
    hint: "Run the command again and look at the new plan",
  });
}

function doneText(volume: string, { target, point }: RollbackResult): string {
  if (target !== undefined) return `${quote(volume)} is rolled back to ${String(target.height)}`;
  return `undo point ${String(point?.number)} of ${quote(volume)} is brought back`;
}

function withWarnings(error: unknown, warnings: readonly string[]): unknown {
  if (!isBtmError(error) || warnings.length === 0) return error;
  const { code, message, hint, cause, details } = error;
  return new BtmError(code, `${message}; ${warnings.join("; ")}`, {
    ...(hint === undefined ? {} : { hint }),
    cause,
    details: { ...details, warnings },
  });
}
