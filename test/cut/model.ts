import type { Event, Moment, Operation } from "./events.ts";
import { extended, type LogEnd } from "./log.ts";
import {
  type Allowed,
  beyond,
  dropped,
  exactly,
  nextNumber,
  rolledBack,
  type State,
  stateOf,
  undone,
  withLive,
  withoutSnapshots,
  withSnapshot,
} from "./state.ts";

/** What is peculiar to a driver. */
export interface Traits {
  /** All the snapshots that are thinned out at once are gone, or none, and for good as soon as that is reported. */
  readonly thinsInOneStep: boolean;
  /** The first of these that the operation takes decides: before it nothing has happened to what is live. */
  readonly decides: readonly string[];
  /** After one of these it is decided for good. */
  readonly decided: readonly string[];
  /** Between two steps there may be no live volume, until the next command of btm. */
  readonly mayLackLive: boolean;
}

/** What was known when the power was cut. */
export class Model {
  pending: Operation | undefined;
  /** The steps of what is pending. */
  steps: Moment[] = [];
  /** Heights of the volume that were reported to be gone, and may be back until something else is known to be on the disk. */
  fading: readonly number[] = [];
  readonly #traits: Traits;
  readonly #acks: readonly number[];
  #applied = 0;
  #state: State | undefined;
  /** The ends that the live log has had, up to that of the last record known to be written out. */
  #logs: LogEnd[] = [];
  #blocks: readonly string[] = [];

  constructor(traits: Traits, acks: readonly number[]) {
    this.#traits = traits;
    this.#acks = acks;
  }

  /** The state before what is pending. What is fading is in it. */
  get state(): State {
    if (this.#state === undefined) throw new TypeError("Nothing has started");
    return withLive(this.#state, this.live);
  }

  /** While a writer writes: with the record, too, that was written and is not known to be. */
  get live(): Allowed {
    return { blocks: this.#blocks, logs: this.#isStill ? [this.#end] : [this.#end, this.#unacknowledged] };
  }

  /** What a snapshot that is being taken may hold. */
  get taken(): Allowed {
    return { blocks: this.#blocks, logs: [...this.#logs, this.#unacknowledged] };
  }

  apply(event: Event): void {
    switch (event.kind) {
      case "start":
        this.#become(stateOf(event.look));
        return;
      case "step":
        this.steps.push(event);
        return;
      case "renew":
        this.#blocks = [...this.#blocks, event.block];
        return;
      case "begin":
        this.#begin(event.operation);
        return;
      case "done":
        this.#finish(event);
    }
  }

  /** Applies what the writer has written since. */
  acknowledge(upTo: number): void {
    for (; this.#applied < this.#acks.length && (this.#acks[this.#applied] ?? 0) <= upTo; this.#applied++) {
      this.#logs.push(extended(this.#end, this.#acks[this.#applied] ?? 0));
    }
  }

  get #isStill(): boolean {
    return this.pending !== undefined && ["rollback", "discard", "undo"].includes(this.pending.name);
  }

  get #end(): LogEnd {
    const end = this.#logs.at(-1);
    if (end === undefined) throw new TypeError("Nothing has started");
    return end;
  }

  get #unacknowledged(): LogEnd {
    return extended(this.#end, Math.max(this.#end.serial, this.#acks.at(-1) ?? 0) + 1);
  }

  #become(state: State): void {
    this.#state = state;
    const { blocks, logs } = state.volume.live;
    this.#blocks = blocks;
    this.#logs = [...logs];
  }

  #begin(operation: Operation): void {
    if ("acked" in operation) this.acknowledge(operation.acked);
    // What was written before is in the snapshot in any case.
    this.#logs = [this.#end];
    if (operation.name === "snapshot") this.#blocks = this.#blocks.slice(-1);
    this.pending = operation;
    this.steps = [];
  }

  #finish(event: Extract<Event, { kind: "done" }>): void {
    const { pending } = this;
    if (pending === undefined) throw new TypeError("Nothing was begun");
    const before = this.state;
    const after = promised(before, pending);
    this.pending = undefined;
    switch (pending.name) {
      case "snapshot": {
        if (event.content === undefined) throw new TypeError("A snapshot holds something");
        // To take one is to write out all that was done before.
        this.#settle();
        this.#state = withSnapshot(this.#settled(), pending.height, exactly(event.content));
        this.#fade(pending.pruned);
        return;
      }
      case "clean":
        this.#fade(pending.removed);
        return;
      case "drop":
        this.#settle();
        this.#state = dropped(this.#settled(), pending.points);
        return;
      case "rollback":
      case "undo":
      case "discard": {
        this.#settle();
        const all = withLive(this.#settled(), before.volume.live);
        const done = promised(all, pending);
        const gone = pending.name === "discard" ? [] : beyond(after, pending.keepUndo);
        mustBe("undo point", event.undo, pending.name === "discard" ? undefined : nextNumber(before));
        mustBe("dropped", event.dropped?.join(), gone.join());
        this.#become(dropped(done, gone));
      }
    }
  }

  #settled(): State {
    if (this.#state === undefined) throw new TypeError("Nothing has started");
    return this.#state;
  }

  #fade(heights: readonly number[]): void {
    this.fading = [...this.fading, ...heights];
    if (this.#traits.thinsInOneStep) this.#settle();
  }

  #settle(): void {
    this.#state = withoutSnapshots(this.#settled(), this.fading);
    this.fading = [];
  }
}

/** The state that a rollback promises, before undo points beyond what is kept are dropped. */
export function promised(state: State, operation: Operation): State {
  if (operation.name === "rollback") return rolledBack(state, operation.target, true);
  if (operation.name === "discard") return rolledBack(state, operation.target, false);
  if (operation.name === "undo") return undone(state, operation.point);
  return state;
}

function mustBe(what: string, said: unknown, wanted: unknown): void {
  if (said !== wanted) throw new Error(`btm said of ${what}: ${String(said)}, and promised ${String(wanted)}`);
}
