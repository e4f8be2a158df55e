import { BtmError } from "../errors.ts";
import { noteFile } from "../rollback/note.ts";
import { checkUnits, isStopped, type StoppedServices, stopServices } from "../rollback/services.ts";
import { within } from "../sys/within.ts";
import { quote } from "../text.ts";
import { type Guard, startGuard } from "./guard.ts";
import type { Holder, HolderOptions } from "./holder.ts";

/**
 * Stops a unit, with those that systemd stops with it, and starts again what ran.
 *
 * @throws BtmError BLOCKED when it does not run, or could not be started again
 */
export async function prepareStop(options: HolderOptions): Promise<Holder> {
  const { unit, volume, deadlineMs } = options;
  const running = (await checkUnits([unit])).filter(({ isRunning }) => isRunning).map((service) => service.unit);
  if (!running.includes(unit)) {
    throw new BtmError("BLOCKED", `Cannot stop ${quote(unit)}: it does not run`, {
      hint: "Start it, or leave out its quiesce",
      details: { unit },
    });
  }
  const guard = await startGuard({
    description: `Starts ${unit} when the snapshot that it is stopped for is over`,
    limitMs: deadlineMs,
    // One that is being stopped yet is started when that is done: the start takes the place of the stop.
    atEnd: [
      ["systemctl", "start", "--no-block", "--", ...running.toReversed()],
      ["rm", "-f", "--", noteFile(volume)],
    ],
  });
  return new StopHolder(options, guard);
}

class StopHolder implements Holder {
  readonly #options: HolderOptions;
  readonly #guard: Guard;
  #stopping: Promise<StoppedServices> | undefined;

  constructor(options: HolderOptions, guard: Guard) {
    this.#options = options;
    this.#guard = guard;
  }

  async hold(): Promise<void> {
    const { unit, volume, deadlineMs } = this.#options;
    this.#stopping = stopServices([unit], { volume, onStep: () => undefined });
    if ((await within(deadlineMs, this.#stopping)) !== undefined) return;
    const why = `it has not stopped within ${String(deadlineMs / 1000)} s`;
    throw new BtmError("TIMED_OUT", `Cannot stop ${quote(unit)}: ${why}; it is started again`, {
      hint: "Give it more time by the deadline of quiesce, or look at why it takes so long",
      details: { unit },
    });
  }

  isHeld(): Promise<boolean> {
    return isStopped(this.#options.unit);
  }

  async letGo(): Promise<void> {
    const { unit, warn } = this.#options;
    // Why it did not stop is told already, to who waited for it.
    const stopped = await this.#stopping?.catch(() => undefined);
    for (const warning of (await stopped?.start()) ?? []) {
      warn(new BtmError("SERVICE_FAILED", `After the snapshot: ${warning}`, { details: { unit } }));
    }
  }

  end(): Promise<void> {
    return this.#guard.end();
  }
}
