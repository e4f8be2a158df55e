/** What a volume may hold, and what the operations of btm promise to make of it: all of it pure, and without btm. */
import type { Look, Timeline } from "./events.ts";
import type { Content, LogEnd } from "./log.ts";

/** What a live state or snapshot may hold. */
export interface Allowed {
  readonly blocks: readonly string[];
  readonly logs: readonly LogEnd[];
}

/**
 * A live state, and all the snapshots behind it. Whether the volume or an undo point holds one that several share is not
 * part of it: nothing may be lost, whoever has it.
 */
export interface Line {
  readonly live: Allowed;
  readonly snapshots: ReadonlyMap<number, Allowed>;
}

export interface State {
  readonly volume: Line;
  readonly undo: ReadonlyMap<number, Line>;
}

export function stateOf({ volume, undo }: Look): State {
  return { volume: lineOf(volume), undo: new Map(Object.entries(undo).map(([n, line]) => [Number(n), lineOf(line)])) };
}

export function exactly({ block, log }: Content): Allowed {
  return { blocks: [block], logs: [log] };
}

export function isAllowed({ blocks, logs }: Allowed, { block, log }: Content): boolean {
  return blocks.includes(block) && logs.some(({ serial, hash }) => serial === log.serial && hash === log.hash);
}

export function withLive(state: State, live: Allowed): State {
  return { ...state, volume: { ...state.volume, live } };
}

export function withSnapshot(state: State, height: number, content: Allowed): State {
  const { volume } = state;
  return { ...state, volume: { ...volume, snapshots: new Map([...volume.snapshots, [height, content]]) } };
}

/** Without snapshots of the volume: none of the timelines that share one has it any more. */
export function withoutSnapshots(state: State, heights: readonly number[]): State {
  const gone = new Set(heights.map((height) => identityOf(height, snapshotAt(state, height))));
  const thin = (line: Line): Line => ({
    ...line,
    snapshots: new Map([...line.snapshots].filter(([height, content]) => !gone.has(identityOf(height, content)))),
  });
  return { volume: thin(state.volume), undo: new Map([...state.undo].map(([number, line]) => [number, thin(line)])) };
}

export function rolledBack(state: State, target: number, isKept: boolean): State {
  const live = snapshotAt(state, target);
  const { volume, undo } = state;
  const snapshots = new Map([...volume.snapshots].filter(([height]) => height <= target));
  return { volume: { live, snapshots }, undo: isKept ? new Map([...undo, [nextNumber(state), volume]]) : undo };
}

export function undone(state: State, number: number): State {
  const volume = state.undo.get(number);
  if (volume === undefined) throw new TypeError(`There is no undo point ${String(number)}`);
  const undo = new Map([...state.undo, [nextNumber(state), state.volume] as const]);
  undo.delete(number);
  return { volume, undo };
}

export function dropped(state: State, numbers: readonly number[]): State {
  return { ...state, undo: new Map([...state.undo].filter(([number]) => !numbers.includes(number))) };
}

export function nextNumber({ undo }: State): number {
  return 1 + Math.max(0, ...undo.keys());
}

/** The undo points that are too many: those of the lowest numbers. */
export function beyond({ undo }: State, keepUndo: number): number[] {
  const numbers = [...undo.keys()].sort((a, b) => a - b);
  return numbers.slice(0, Math.max(0, numbers.length - keepUndo));
}

function snapshotAt({ volume }: State, height: number): Allowed {
  const snapshot = volume.snapshots.get(height);
  if (snapshot === undefined) throw new TypeError(`There is no snapshot at ${String(height)}`);
  return snapshot;
}

/** In what a state differs from what was seen. */
export function differencesOf(state: State, look: Look): string[] {
  const [wanted, found] = [[...state.undo.keys()].sort((a, b) => a - b).join(), Object.keys(look.undo).join()];
  return [
    ...(wanted === found ? [] : [`the undo points are ${found}, not ${wanted}`]),
    ...ofLine("the volume", state.volume, look.volume),
    ...[...state.undo].flatMap(([number, line]) => {
      const timeline = look.undo[String(number)];
      return timeline === undefined ? [] : ofLine(`undo point ${String(number)}`, line, timeline);
    }),
  ];
}

function ofLine(what: string, { live, snapshots }: Line, found: Timeline): string[] {
  const wanted = [...snapshots.keys()].sort((a, b) => a - b).join();
  const heights = Object.keys(found.snapshots).join();
  const { block, log } = found.live;
  return [
    ...(heights === wanted ? [] : [`the snapshots of ${what} are ${heights}, not ${wanted}`]),
    ...[...snapshots].flatMap(([height, allowed]) => {
      const content = found.snapshots[String(height)];
      const isGood = content === undefined || isAllowed(allowed, content);
      return isGood ? [] : [`${String(height)} of ${what} holds something else`];
    }),
    ...(isAllowed(live, found.live)
      ? []
      : [
          `the live state of ${what} ends at ${String(log.serial)} (${log.hash}) with block ${block}, not at ${show(live)}`,
        ]),
  ];
}

function show({ blocks, logs }: Allowed): string {
  return `${logs.map(({ serial, hash }) => `${String(serial)} (${hash})`).join(" or ")} with ${blocks.join(" or ")}`;
}

function lineOf({ live, snapshots }: Timeline): Line {
  const all = Object.entries(snapshots).map(([height, content]) => [Number(height), exactly(content)] as const);
  return { live: exactly(live), snapshots: new Map(all) };
}

/** Each snapshot has a block of its own: two that are alike are one. */
function identityOf(height: number, { blocks, logs }: Allowed): string {
  return `${String(height)} ${blocks.join()} ${logs.map(({ hash }) => hash).join()}`;
}
