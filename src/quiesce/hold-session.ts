import { BtmError } from "../errors.ts";
import type { Quiesce } from "../node-facts.ts";
import { checkUnitName } from "../rollback/unit-name.ts";
import { within } from "../sys/within.ts";
import { quote } from "../text.ts";
import type { Holder, HolderOptions } from "./holder.ts";
import { prepareHolder } from "./prepare.ts";
import { asWarning } from "./unavailable.ts";
import { lockUnit } from "./unit-lock.ts";

/** What is done to the unit of a node; what is asked of the node itself (flush) is not done here. */
export type Hold = Exclude<Quiesce, "none" | "flush">;

export interface Held {
  /** How the node was held from the beginning of the work to its end; "none" when it was not, or not to the end. */
  readonly quiesce: Hold | "none";
  /** How long it stood still, in milliseconds, until it ran again; 0 when it never did. */
  readonly heldMs: number;
}

/** One hold, from its preparation to its end. Nothing in it throws: what fails is told to `warn`. */
export class HoldSession {
  readonly #kind: Hold;
  readonly #options: HolderOptions;
  readonly #holder: Holder;
  #begun: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #released: Promise<Held> | undefined;
  #letGo: Promise<void> = Promise.resolve();
  #isLate = false;

  constructor(kind: Hold, options: HolderOptions, holder: Holder) {
    this.#kind = kind;
    this.#options = options;
    this.#holder = holder;
  }

  /** Makes ready what can be while the node runs, then holds it. */
  static async begin(kind: Hold, options: HolderOptions): Promise<HoldSession> {
    try {
      const own = { ...options, unit: checkUnitName(options.unit) };
      const session = new HoldSession(kind, own, await prepare(kind, own));
      await session.#hold();
      return session;
    } catch (error) {
      options.warn(asWarning(kind, options.unit, error));
      return new HoldSession(kind, options, NOBODY);
    }
  }

  /** How the node is held, as far as is known. */
  get now(): Hold | "none" {
    return this.#begun === undefined || this.#released !== undefined ? "none" : this.#kind;
  }

  async #hold(): Promise<void> {
    const { unit, deadlineMs, warn } = this.#options;
    const begun = performance.now();
    try {
      await this.#holder.hold();
    } catch (error) {
      await this.#lettingGo(SETTLE_MS);
      // Some of its processes may have stood still.
      this.#released = Promise.resolve({ quiesce: "none", heldMs: performance.now() - begun });
      warn(asWarning(this.#kind, unit, error));
      return;
    }
    this.#begun = begun;
    this.#timer = setTimeout(
      () => {
        this.#isLate = true;
        void this.release();
      },
      Math.max(0, begun + deadlineMs - performance.now()),
    );
  }

  /** Lets it go, and tells how it was held up to now. */
  release(): Promise<Held> {
    return (this.#released ??= this.#release());
  }

  /** To be called in the end, whatever happened. */
  async end(): Promise<void> {
    await this.release();
    const { unit, warn } = this.#options;
    const ended = this.#letGo.then(() => this.#holder.end());
    const told = ended.catch((error: unknown) => {
      warn(asWarning(this.#kind, unit, error));
    });
    // A node that takes longer to start is none of the snapshot's business.
    await within(SETTLE_MS, told);
  }

  async #release(): Promise<Held> {
    clearTimeout(this.#timer);
    if (this.#begun === undefined) return { quiesce: "none", heldMs: 0 };
    const { deadlineMs } = this.#options;
    const isHeld = (await this.#holder.isHeld().catch(() => false)) && !this.#isLate;
    await this.#lettingGo(Math.max(SETTLE_MS, this.#begun + deadlineMs - performance.now()));
    if (!isHeld) this.#warnOfEnd();
    return { quiesce: isHeld ? this.#kind : "none", heldMs: performance.now() - this.#begun };
  }

  async #lettingGo(limitMs: number): Promise<void> {
    const { unit, warn } = this.#options;
    this.#letGo = this.#holder.letGo().catch((error: unknown) => {
      warn(asWarning(this.#kind, unit, error));
    });
    await within(limitMs, this.#letGo);
  }

  #warnOfEnd(): void {
    const { unit, deadlineMs, warn } = this.#options;
    const [state, end] = this.#kind === "freeze" ? ["frozen", "was thawed, or ended"] : ["stopped", "was started"];
    const what = `Could not keep ${quote(unit)} ${state} until the end of the snapshot`;
    const details = { unit };
    if (!this.#isLate) {
      const hint = "Look at its journal, and at who starts, stops or thaws it";
      warn(new BtmError("BLOCKED", `${what}: it ${end} before`, { hint, details }));
      return;
    }
    const hint = "Give it a longer deadline, or look at why the disk is so slow";
    warn(new BtmError("TIMED_OUT", `${what}, which takes longer than ${deadlineMs / 1000} s`, { hint, details }));
  }
}

async function prepare(kind: Hold, options: HolderOptions): Promise<Holder> {
  // Before it is looked at, for it may be another's at the moment.
  const unlock = await lockUnit(options.unit, options.deadlineMs);
  const preparing = prepareHolder(kind, options);
  const end = (): Promise<void> => preparing.then((holder) => holder.end()).finally(unlock);
  try {
    const holder = await within(PREPARE_MS, preparing);
    if (holder !== undefined) {
      return {
        hold: () => holder.hold(),
        isHeld: () => holder.isHeld(),
        letGo: () => holder.letGo(),
        end,
      };
    }
  } catch (error) {
    unlock();
    throw error;
  }
  // It may come yet, and ends then.
  void end().catch(() => undefined);
  throw new BtmError("TIMED_OUT", `Cannot ${kind} ${quote(options.unit)}: systemd gives no answer`, {
    hint: "Look at systemctl status",
    details: { unit: options.unit },
  });
}

/** Stands for a node that cannot be held. */
const NOBODY: Holder = {
  hold: () => Promise.resolve(),
  isHeld: () => Promise.resolve(false),
  letGo: () => Promise.resolve(),
  end: () => Promise.resolve(),
};

/** For systemctl and systemd-run, 25 ms together as a rule. */
const PREPARE_MS = 5000;
const SETTLE_MS = 1000;
