import type { Volume } from "./driver/driver.ts";
import { BtmError, isBtmError, throwIfAborted } from "./errors.ts";
import { quote } from "./text.ts";

export interface SessionOptions {
  readonly open: () => Promise<Volume>;
  readonly lockTimeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** One call's hold on a volume, which may be opened afresh in the middle of it. */
export class Session {
  /** What was finished or undone of an interrupted command. */
  readonly recovered: string[] = [];
  readonly #options: SessionOptions;
  #volume: Volume;

  private constructor(options: SessionOptions, volume: Volume) {
    this.#options = options;
    this.#volume = volume;
  }

  /** Opens a volume, hands it to `use`, and closes it again whatever happens. */
  static async run<T>(options: SessionOptions, use: (session: Session) => Promise<T>): Promise<T> {
    throwIfAborted(options.signal);
    const session = new Session(options, await options.open());
    try {
      return await use(session);
    } catch (error) {
      throw withRecovered(error, session.recovered);
    } finally {
      session.#volume.close();
    }
  }

  get volume(): Volume {
    return this.#volume;
  }

  /** Locks the volume and finishes what was interrupted; when either changed the volume, it is opened afresh. */
  async lock(): Promise<void> {
    const { lockTimeoutMs, signal } = this.#options;
    for (let rounds = 1; ; rounds++) {
      const isCurrent = await this.#volume.lock(lockTimeoutMs, signal);
      const { done, left } = isCurrent ? await this.#volume.recover() : { done: [], left: [] };
      this.recovered.push(...done);
      if (isCurrent && done.length === 0) {
        this.recovered.push(...left.filter((one) => !this.recovered.includes(one)));
        return;
      }
      // Others may be interrupted meanwhile, but not without end.
      if (rounds === MAX_ROUNDS) {
        const what = `recovery does not come to an end: ${done.join("; ")}`;
        throw new BtmError("SYSTEM_ERROR", `Cannot change ${quote(this.#volume.name)}: ${what}`, {
          hint: "Please report it with this message",
        });
      }
      await this.#reopen();
    }
  }

  /**
   * A plan under the lock: one that `confirm`, when given, has agreed to and that still holds.
   *
   * @throws BtmError DECLINED, PLAN_CHANGED
   */
  async agree<Plan>(
    makePlan: () => Promise<Plan>,
    isSame: (a: Plan, b: Plan) => boolean,
    confirm: ((plan: Plan) => Promise<boolean>) | undefined,
  ): Promise<Plan> {
    await this.lock();
    if (confirm === undefined) return makePlan();
    // A person may take long to answer: the node's snapshots must not wait for that.
    await this.#reopen();
    const agreed = await makePlan();
    if (!(await confirm(agreed))) throw new BtmError("DECLINED", "Nothing was changed: the plan was declined");
    await this.lock();
    const plan = await makePlan();
    if (isSame(agreed, plan)) return plan;
    const what = `meanwhile the snapshots of ${quote(this.#volume.name)} became others than the plan says`;
    throw new BtmError("PLAN_CHANGED", `Nothing was changed: ${what}`, {
      hint: "Run the command again and look at the new plan",
    });
  }

  async #reopen(): Promise<void> {
    const fresh = await this.#options.open();
    this.#volume.close();
    this.#volume = fresh;
  }
}

const MAX_ROUNDS = 20;

/** That something was finished or undone must be told although the call itself failed. */
function withRecovered(error: unknown, recovered: readonly string[]): unknown {
  if (!isBtmError(error) || recovered.length === 0) return error;
  const { code, message, hint, cause, details } = error;
  return new BtmError(code, message, {
    ...(hint === undefined ? {} : { hint }),
    cause,
    // Of a group, the others' as well.
    details: { ...details, recovered: [...recovered, ...[details["recovered"] ?? []].flat()] },
  });
}
