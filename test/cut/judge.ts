import type { Event, Seen } from "./events.ts";
import type { Content } from "./log.ts";
import { type Allowed, Model } from "./model.ts";

/** One of the states that a cut may leave. */
export interface World {
  readonly name: string;
  readonly snapshots: ReadonlyMap<number, Allowed>;
  readonly live: Allowed;
  /** What the first command may say; undefined for nothing. */
  readonly recovered: readonly (string | undefined)[];
}

/** All the states that a cut may leave, going by what had happened before it. */
export function worldsOf(events: readonly Event[], acks: readonly number[]): World[] {
  const model = new Model(acks);
  for (const event of events) model.apply(event);
  model.acknowledge(Infinity);
  const { pending } = model;
  const isPast = (step: string): boolean => model.steps.includes(step);
  const without = (gone: readonly number[], also?: readonly [number, Allowed]): Map<number, Allowed> =>
    new Map([...model.snapshots, ...(also === undefined ? [] : [also])].filter(([height]) => !gone.includes(height)));
  const live: Allowed = { blocks: model.blocks, logs: [model.end, model.unacknowledged] };
  const world = (name: string, snapshots: Map<number, Allowed>): World => ({
    name,
    snapshots,
    live,
    recovered: [undefined],
  });

  if (pending === undefined) return [world("between two operations", without([]))];
  if (pending.kind === "clean") {
    const { removed } = pending;
    return [
      ...(isPast("after destroy") ? [] : [world("not cleaned", without([]))]),
      ...(isPast("before destroy") || removed.length === 0 ? [world("cleaned", without(removed))] : []),
    ];
  }
  if (pending.kind === "take") {
    const { height, pruned } = pending;
    const taken = [height, { blocks: model.blocks, logs: [...model.logs, model.unacknowledged] }] as const;
    return [
      ...(isPast("after snapshot") ? [] : [world("not taken", without([]))]),
      ...(isPast("before snapshot") && !isPast("after destroy") ? [world("taken", without([], taken))] : []),
      ...(isPast("before destroy") ? [world("taken and thinned", without(pruned, taken))] : []),
    ];
  }
  // The writer has stopped: what is live is known to the last record.
  const old = { ...live, logs: [model.end] };
  const { target, destroyed } = pending;
  // The journal is gone with the power, and the system mounts; the transaction of the rollback has left a token.
  const finished = `The rollback to ${String(target)} was done, and interrupted after that`;
  const said = isPast("after clear journal")
    ? [undefined]
    : isPast("before clear journal")
      ? [undefined, finished]
      : [finished];
  return [
    ...(isPast("after roll back")
      ? []
      : [{ name: "not rolled back", snapshots: without([]), live: old, recovered: [undefined] }]),
    ...(isPast("before roll back")
      ? [{ name: "rolled back", snapshots: without(destroyed), live: model.snapshotAt(target), recovered: said }]
      : []),
  ];
}

/** In what a world differs from what was seen. */
export function differences(world: World, seen: Seen): string[] {
  const wanted = [...world.snapshots.keys()].sort((a, b) => a - b).join();
  const heights = Object.keys(seen.snapshots).join();
  return [
    ...(heights === wanted ? [] : [`the snapshots are ${heights}, not ${wanted}`]),
    ...[...world.snapshots].flatMap(([height, allowed]) => {
      const content = seen.snapshots[String(height)];
      return content === undefined || holds(allowed, content) ? [] : [`${String(height)} holds something else`];
    }),
    ...(holds(world.live, seen.live)
      ? []
      : [`live is ${show(seen.live)}, not ${world.live.logs.map((log) => log.serial).join(" or ")}`]),
    ...(seen.recovered.length <= 1 && world.recovered.includes(seen.recovered[0])
      ? []
      : [`it said ${JSON.stringify(seen.recovered)}, not ${JSON.stringify(world.recovered)}`]),
  ];
}

function holds({ blocks, logs }: Allowed, { block, log }: Content): boolean {
  return blocks.includes(block) && logs.some(({ serial, hash }) => serial === log.serial && hash === log.hash);
}

function show({ log, block }: Content): string {
  return `record ${String(log.serial)} (${log.hash}) with block ${block}`;
}
