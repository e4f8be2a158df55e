import type { Event } from "./events.ts";
import { type Content, extended, type LogEnd } from "./log.ts";

/** What a volume or snapshot may hold. */
export interface Allowed {
  readonly blocks: readonly string[];
  readonly logs: readonly LogEnd[];
}

type Pending = Extract<Event, { kind: "take" | "clean" | "back" }>;

/** What was known when the power was cut. */
export class Model {
  readonly snapshots = new Map<number, Allowed>();
  /** The ends that the live log has had, up to that of the last record known to be written out. */
  logs: LogEnd[] = [];
  blocks: readonly string[] = [];
  pending: Pending | undefined;
  /** The steps of what is pending. */
  steps: string[] = [];
  readonly #acks: readonly number[];
  #applied = 0;

  constructor(acks: readonly number[]) {
    this.#acks = acks;
  }

  apply(event: Event): void {
    switch (event.kind) {
      case "start":
        for (const [height, content] of Object.entries(event.snapshots))
          this.snapshots.set(Number(height), only(content));
        this.#setLive(only(event.live));
        return;
      case "step":
        this.steps.push(event.at);
        return;
      case "renew":
        this.blocks = [...this.blocks, event.block];
        return;
      case "take":
        this.blocks = this.blocks.slice(-1);
        this.#begin(event);
        return;
      case "clean":
        this.#begin(event);
        return;
      case "back":
        this.#begin(event);
        return;
      case "taken":
      case "cleaned":
      case "backed":
        this.#finish(event);
    }
  }

  /** Applies what the writer has written since. */
  acknowledge(upTo: number): void {
    for (; this.#applied < this.#acks.length && (this.#acks[this.#applied] ?? 0) <= upTo; this.#applied++) {
      this.logs.push(extended(this.end, this.#acks[this.#applied] ?? 0));
    }
  }

  get end(): LogEnd {
    const end = this.logs.at(-1);
    if (end === undefined) throw new TypeError("Nothing has started");
    return end;
  }

  /** Where the log ends with a record that was written, and not known to be. */
  get unacknowledged(): LogEnd {
    return extended(this.end, Math.max(this.end.serial, this.#acks.at(-1) ?? 0) + 1);
  }

  #begin(event: Pending): void {
    if ("acked" in event) this.acknowledge(event.acked);
    // What was written before is in the snapshot in any case.
    this.logs = [this.end];
    this.pending = event;
    this.steps = [];
  }

  #finish(event: Extract<Event, { kind: "taken" | "cleaned" | "backed" }>): void {
    const { pending } = this;
    this.pending = undefined;
    if (pending?.kind === "take" && event.kind === "taken") {
      this.snapshots.set(pending.height, only(event.content));
      for (const height of pending.pruned) this.snapshots.delete(height);
    } else if (pending?.kind === "clean" && event.kind === "cleaned") {
      for (const height of pending.removed) this.snapshots.delete(height);
    } else if (pending?.kind === "back" && event.kind === "backed") {
      for (const height of pending.destroyed) this.snapshots.delete(height);
      this.#setLive(this.snapshotAt(pending.target));
    } else throw new TypeError(`${event.kind} after ${String(pending?.kind)}`);
  }

  #setLive({ blocks, logs }: Allowed): void {
    this.blocks = blocks;
    this.logs = [...logs];
  }

  snapshotAt(height: number): Allowed {
    const snapshot = this.snapshots.get(height);
    if (snapshot === undefined) throw new TypeError(`There is no snapshot at ${String(height)}`);
    return snapshot;
  }
}

function only({ block, log }: Content): Allowed {
  return { blocks: [block], logs: [log] };
}
