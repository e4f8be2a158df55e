import type { StepObserver } from "../driver/driver.ts";
import { BtmError, isBtmError, throwIfAborted } from "../errors.ts";
import { escapeText, quote } from "../text.ts";
import { forgetNote, unitsLeftStopped, writeNote } from "./note.ts";
import { systemctl, type UnitState, unitStates } from "./systemctl.ts";
import { isRunning, ownGroup, refuseUnit } from "./unit-checks.ts";
import { checkUnitName } from "./unit-name.ts";

export interface ServiceDeps {
  /** The volume that they are stopped for: its `name`, the same before and after the switch. */
  readonly volume: string;
  readonly onStep: StepObserver;
  readonly signal?: AbortSignal | undefined;
}

/** A unit that a rollback stops and starts again. */
export interface Service {
  /** As systemd calls it, "node.service": what processes are told by. */
  readonly unit: string;
  /** Whether it runs, or would in a moment: it is started again; any other stays stopped. */
  readonly isRunning: boolean;
  /** The unit that was asked for, when this one is stopped only because it cannot do without that. */
  readonly neededFor: string | undefined;
  /** Units that may start it in the middle, such as its socket. */
  readonly triggers: readonly string[];
}

export interface StoppedServices {
  /** All of them, in the order in which they were stopped. */
  readonly services: readonly Service[];
  /**
   * Starts again those that ran, in the reverse order; without the lock of the volume, which what they need may wait for.
   * Never throws; what went wrong is a warning, one for each unit.
   */
  readonly start: () => Promise<string[]>;
}

/**
 * Looks at the units, before anything is changed: those that were asked for, in that order, each after those that systemd
 * stops with it.
 *
 * @throws BtmError BAD_OPTION for a name that is none, BLOCKED without systemd, for an unknown unit and for our own
 */
export async function checkUnits(units: readonly string[]): Promise<Service[]> {
  const asked = await unitStates(units.map(checkUnitName));
  const services = new Map<string, Service>();
  const add = async (state: UnitState, neededFor: string | undefined, above: readonly string[]): Promise<void> => {
    if (services.has(state.unit) || above.includes(state.unit)) return;
    await refuseUnit(state);
    if (isRunning(state)) {
      const running = (await unitStates(state.dependents.filter(isService))).filter(isRunning);
      for (const dependent of running) await add(dependent, neededFor ?? state.unit, [...above, state.unit]);
    }
    const triggers = (await unitStates(state.triggeredBy)).filter(isRunning).map(({ unit }) => unit);
    const isAsked = asked.some(({ unit }) => unit === state.unit);
    const { unit } = state;
    services.set(unit, { unit, isRunning: isRunning(state), neededFor: isAsked ? undefined : neededFor, triggers });
  };
  for (const state of asked) await add(state, undefined, []);
  return [...services.values()].map((service) => ({
    ...service,
    triggers: service.triggers.filter((trigger) => !services.has(trigger)),
  }));
}

/** A target that is stopped with it gathers others, which are not ours to start. */
function isService(unit: string): boolean {
  return /\.(service|socket|path|timer)$/.test(unit);
}

/**
 * Stops units one after the other, each of which has ended before the next one is asked to. When one does not stop, those
 * that are stopped are started again.
 *
 * @throws BtmError BLOCKED, ABORTED, and those of {@link checkUnits}
 */
export async function stopServices(units: readonly string[], deps: ServiceDeps): Promise<StoppedServices> {
  const { volume, onStep, signal } = deps;
  if (units.length === 0) return { services: [], start: () => Promise.resolve([]) };
  // One who was killed has stopped them, and they shall run all the same.
  const left = unitsLeftStopped(volume);
  const services = (await checkUnits(units)).map((service) => ({
    ...service,
    isRunning: service.isRunning || left.includes(service.unit),
  }));
  const running = services.filter((service) => service.isRunning).map(({ unit }) => unit);
  const toStart = [...left.filter((unit) => !running.includes(unit)), ...running.toReversed()];
  const step = steps(onStep);
  let started: Promise<string[]> | undefined;
  const start = (): Promise<string[]> => (started ??= startAll(volume, toStart, step));
  if (toStart.length > 0) await step("note-services", () => writeNote(volume, toStart));
  try {
    for (const { unit } of services) {
      throwIfAborted(signal);
      await step("stop-service", () => stop(unit));
    }
    throwIfAborted(signal);
  } catch (error) {
    throw withWarnings(error, await start());
  }
  return { services, start };
}

/** Also one that does not run: somebody may be stopping it, and has not finished. */
async function stop(unit: string): Promise<void> {
  if (await isStopped(unit)) return;
  const { status, stderr } = await systemctl(["stop", "--", unit]);
  if (status === 0 && (await isStopped(unit))) return;
  const why = stderr.trim() === "" ? "it runs all the same" : firstLine(stderr);
  throw new BtmError("BLOCKED", `Cannot stop ${quote(unit)}: ${why}`, {
    hint: `Nothing was changed. Look at systemctl status ${unit}`,
    details: { unit },
  });
}

/** Whether it has ended and nothing is asked of it. */
export async function isStopped(unit: string): Promise<boolean> {
  const [state] = await unitStates([unit]);
  return state !== undefined && !state.hasJob && ["inactive", "failed"].includes(state.active);
}

function withWarnings(error: unknown, warnings: readonly string[]): unknown {
  if (!isBtmError(error) || warnings.length === 0) return error;
  const { code, message, cause, details } = error;
  return new BtmError(code, `${message}; ${warnings.join("; ")}`, {
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    cause,
    details: { ...details, warnings },
  });
}

/**
 * Starts the units that a btm which was killed has stopped for the volume; what it did, and what went wrong, in words. To be
 * called without the lock of the volume: a unit may wait for one that wants it, as btm-recover@.service does.
 */
export async function startNoted(
  volume: string,
  onStep: StepObserver,
): Promise<{ readonly done: string[]; readonly warnings: string[] }> {
  const units = unitsLeftStopped(volume);
  if (units.length === 0) return { done: [], warnings: [] };
  const warnings = await startAll(volume, units, steps(onStep));
  const failed = units.filter((unit) => warnings.some((warning) => warning.includes(quote(unit))));
  const done = units.filter((unit) => !failed.includes(unit));
  return { done: done.map((unit) => `started ${quote(unit)}, which was stopped for the rollback`), warnings };
}

/** What {@link startNoted} would do, in words, for a look that changes nothing. */
export function pendingStarts(volume: string): string[] {
  return unitsLeftStopped(volume).map((unit) => `start ${quote(unit)}, which was stopped for the rollback`);
}

type Step = <T>(name: string, work: () => Promise<T>) => Promise<T>;

function steps(onStep: StepObserver): Step {
  return async (name, work) => {
    onStep(name, "before");
    const result = await work();
    onStep(name, "after");
    return result;
  };
}

/** Starts all in the order given, whatever becomes of each; what went wrong. */
async function startAll(volume: string, units: readonly string[], step: Step): Promise<string[]> {
  const warnings: string[] = [];
  const attempt = async (what: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      warnings.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  for (const unit of units) {
    await attempt(`cannot start ${quote(unit)}`, () => step("start-service", () => start(unit)));
  }
  if (units.length > 0) {
    await attempt("cannot take the note away", () => step("forget-services", () => forgetNote(volume)));
  }
  return warnings;
}

async function start(unit: string): Promise<void> {
  const [before] = await unitStates([unit]);
  // When we run in a unit that it must wait for, as at boot, it starts when we are done.
  const mustWait = before?.after.some((other) => ownGroup().endsWith(`/${other}`)) === true;
  // One that has crashed again and again must not be started for a while (StartLimitBurst), unless that is forgotten.
  await systemctl(["reset-failed", "--", unit]);
  const { status, stderr } = await systemctl(["start", ...(mustWait ? ["--no-block"] : []), "--", unit]);
  if (status !== 0) throw new Error(`${firstLine(stderr)}; look at systemctl status ${unit}`);
  const [state] = await unitStates([unit]);
  if (state?.active === "failed") throw new Error(`it has failed at once; look at systemctl status ${unit}`);
}

/** What follows it is advice for a terminal. */
function firstLine(stderr: string): string {
  return escapeText((stderr.trim().split("\n")[0] ?? "").replace(/\.$/, ""));
}
