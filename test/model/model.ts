/**
 * What a volume and its undo points are, in memory, written without a look at how a driver does it: snapshots are a tree, a
 * timeline is the way from its newest snapshot to the root.
 */

/** A snapshot, whoever holds it. */
export interface Node {
  readonly height: number;
  readonly content: string;
  readonly parent: Node | undefined;
  isPinned: boolean;
  /** Destroyed; the way goes on past it. */
  isGone: boolean;
  /** The number of the undo point that holds it; undefined while it is in the list of the volume. */
  owner: number | undefined;
}

interface Timeline {
  readonly newest: Node | undefined;
  readonly content: string;
}

interface UndoPoint extends Timeline {
  readonly number: number;
  readonly from: number | undefined;
}

export interface ModelTraits {
  /** An open clone keeps the snapshot it is of from being destroyed. */
  readonly clonesNeedTheirSnapshot: boolean;
}

export class Model {
  live: Timeline = { newest: undefined, content: "" };
  points: UndoPoint[] = [];
  readonly clones = new Map<number, Node>();
  readonly #traits: ModelTraits;

  constructor(traits: ModelTraits) {
    this.#traits = traits;
  }

  /** Of the volume, ascending by height. */
  get list(): Node[] {
    return wayOf(this.live.newest);
  }

  /** The snapshots that an undo point holds, ascending. */
  heldBy(number: number): Node[] {
    const all = new Set(this.points.flatMap(({ newest }) => wayOf(newest)));
    return [...all].filter(({ owner }) => owner === number).sort((a, b) => a.height - b.height);
  }

  /** Whether something hangs on it, so that it stays. */
  isNeeded(node: Node): boolean {
    const live = new Set(this.list);
    const forks = this.points.map(({ newest }) => wayOf(newest).findLast((one) => live.has(one)));
    return forks.includes(node) || this.#isOpen(node);
  }

  #isOpen(node: Node): boolean {
    return this.#traits.clonesNeedTheirSnapshot && [...this.clones.values()].includes(node);
  }

  write(content: string): void {
    this.live = { ...this.live, content };
  }

  /** @returns whether it is taken */
  take(height: number): boolean {
    if (this.list.some((node) => node.height === height)) return false;
    const { newest, content } = this.live;
    this.live = {
      content,
      newest: { height, content, parent: newest, isPinned: false, isGone: false, owner: undefined },
    };
    return true;
  }

  clean(kept: number): void {
    const doomed = this.list.slice(0, Math.max(0, this.list.length - kept));
    for (const node of doomed) if (!node.isPinned && !this.isNeeded(node)) node.isGone = true;
  }

  rollback(to: Node, keepUndo: number): void {
    this.#leave({ newest: to, content: to.content }, keepUndo, undefined);
  }

  undo(number: number, keepUndo: number): void {
    const point = this.points.find((one) => one.number === number);
    if (point === undefined) throw new TypeError(`No undo point ${String(number)}`);
    this.#leave({ newest: point.newest, content: point.content }, keepUndo, number);
  }

  #leave(next: Timeline, keepUndo: number, returning: number | undefined): void {
    const number = 1 + Math.max(0, ...this.points.map((point) => point.number));
    const left = this.live;
    // As the plan sees it: what holds a pinned snapshot is kept, also when that then comes back with the undo.
    const free = new Set(this.points.map((one) => one.number).filter((one) => this.#isFree(one)));
    const point = { ...left, number, from: this.list.at(-1)?.height };
    const stays = new Set(wayOf(next.newest));
    for (const node of this.list) if (!stays.has(node)) node.owner = number;
    for (const node of stays) node.owner = undefined;
    this.live = next;
    this.points = [...this.points.filter((one) => one.number !== returning), point];
    const others = this.points.filter((one) => one !== point).map((one) => one.number);
    for (const old of others.slice(0, Math.max(0, others.length + 1 - keepUndo))) {
      if (free.has(old) && this.#isFree(old)) this.drop(old);
    }
  }

  #isFree(number: number): boolean {
    return this.inTheWayOfDropping(number).length === 0;
  }

  /** A pinned snapshot keeps an undo point, and so does an open clone where it needs its snapshot. */
  inTheWayOfDropping(number: number): ("pinned-snapshot" | "open-clone")[] {
    return this.heldBy(number).flatMap((node) => [
      ...(node.isPinned ? (["pinned-snapshot"] as const) : []),
      ...(this.#isOpen(node) ? (["open-clone"] as const) : []),
    ]);
  }

  drop(number: number): void {
    const held = this.heldBy(number);
    this.points = this.points.filter((one) => one.number !== number);
    // What another one needs goes over to the one that needs most of it.
    const heirs = this.points.map((one) => ({ one, needs: wayOf(one.newest).filter((node) => held.includes(node)) }));
    const [heir] = heirs.filter(({ needs }) => needs.length > 0).sort((a, b) => b.needs.length - a.needs.length);
    for (const node of held) {
      if (heir?.needs.includes(node) === true) node.owner = heir.one.number;
      else node.isGone = true;
    }
  }
}

/** Ascending. */
function wayOf(newest: Node | undefined): Node[] {
  const way: Node[] = [];
  for (let node = newest; node !== undefined; node = node.parent) if (!node.isGone) way.unshift(node);
  return way;
}
