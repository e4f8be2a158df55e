import type { Event, Look, Seen } from "./events.ts";
import { Model, promised, type Traits } from "./model.ts";
import {
  beyond,
  differencesOf,
  dropped,
  isAllowed,
  type State,
  withLive,
  withoutSnapshots,
  withSnapshot,
} from "./state.ts";

/** One of the states that a cut may leave. */
export interface World {
  readonly name: string;
  readonly state: State;
  /** Whether it is of what was under way: of a switch it is the new one. */
  readonly isNew: boolean;
}

/** All the states that a cut may leave, going by what had happened before it. */
export function worldsOf(traits: Traits, events: readonly Event[], acks: readonly number[]): World[] {
  const model = new Model(traits, acks);
  for (const event of events) model.apply(event);
  model.acknowledge(Infinity);
  const { state, pending, fading } = model;
  const has = (step: string, when: "before" | "after"): boolean =>
    model.steps.some((moment) => moment.step === step && moment.when === when);
  const old = someGone("as before", state, fading, false);
  const settled = withoutSnapshots(state, fading);
  const some = (name: string, base: State, heights: readonly number[]): World[] => {
    const all = someGone(name, base, heights, true);
    return traits.thinsInOneStep ? all.filter((_, i) => i === 0 || i === all.length - 1) : all;
  };

  if (pending === undefined) return old;
  switch (pending.name) {
    case "clean":
      return [
        ...old,
        ...(has("destroy", "before")
          ? subsets(fading).flatMap((gone) => some("cleaned", withoutSnapshots(state, gone), pending.removed).slice(1))
          : []),
      ].filter(({ isNew }) => isNew || !(traits.thinsInOneStep && has("destroy", "after")));
    case "snapshot": {
      const taken = withSnapshot(settled, pending.height, model.taken);
      return [
        ...(has("snapshot", "after") ? [] : old),
        ...(has("snapshot", "before")
          ? some("taken", taken, has("destroy", "before") ? pending.pruned : []).filter(
              (_, i) => i > 0 || !(traits.thinsInOneStep && has("destroy", "after")),
            )
          : []),
      ];
    }
    case "drop":
      return [
        ...old,
        ...subsets(pending.points).flatMap((gone) =>
          gone.length === 0 ? [] : someGone(`dropped ${gone.join()}`, dropped(state, gone), fading, true),
        ),
      ];
    case "rollback":
    case "undo":
    case "discard": {
      const known = model.steps.map(({ step }) => step);
      const mayBeNew = traits.decides.some((step) => known.includes(step));
      const mustBeNew = traits.decided.some((step) => has(step, "after"));
      const done = promised(withLive(settled, state.volume.live), pending);
      const excess = pending.name === "discard" ? [] : beyond(done, pending.keepUndo);
      const counts = [0, ...excess.keys()].map((_, count) => count);
      return [
        ...(mustBeNew ? [] : old),
        ...(mayBeNew
          ? counts.map((count): World => {
              const gone = excess.slice(0, count);
              const name = count === 0 ? "done" : `done, and ${gone.join()} dropped`;
              return { name, state: dropped(done, gone), isNew: true };
            })
          : []),
      ];
    }
  }
}

/** In what a world differs from what was seen. */
export function differences(world: World, seen: Pick<Seen, "look" | "recovered">): string[] {
  const claims = seen.recovered.filter((said) => (world.isNew ? /^Undid/ : /^Finished the|was done/).test(said));
  return [...differencesOf(world.state, seen.look), ...claims.map((said) => `it says: ${said}`)];
}

/** What is wrong with what was seen, whichever state it is. */
export function faults(traits: Traits, worlds: readonly World[], seen: Seen): string[] {
  const { liveBefore, look, again, problems } = seen;
  const isComplete =
    liveBefore === null ? traits.mayLackLive : worlds.some(({ state }) => isAllowed(state.volume.live, liveBefore));
  return [
    ...problems,
    ...look.leftovers.map((left) => `left over: ${left}`),
    ...again.map((said) => `a second recovery says: ${said}`),
    ...(isComplete ? [] : [`before recovery this was live: ${JSON.stringify(liveBefore)}`]),
    ...listDifferences(seen, look),
  ];
}

/** In what btm's lists differ from the disk. */
function listDifferences({ listed, listedUndo }: Seen, { volume, undo }: Look): string[] {
  const [heights, numbers] = [Object.keys(volume.snapshots).join(), Object.keys(undo).join()];
  return [
    ...(listed.join() === heights ? [] : [`btm lists ${listed.join()}, there are ${heights}`]),
    ...(Object.keys(listedUndo).join() === numbers
      ? []
      : [`btm lists undo points ${Object.keys(listedUndo).join()}, there are ${numbers}`]),
    ...Object.entries(listedUndo).flatMap(([number, own]) =>
      own.every((height) => undo[number]?.snapshots[String(height)] !== undefined)
        ? []
        : [`btm lists ${own.join()} in undo point ${number}, which has not all of them`],
    ),
  ];
}

/** Each snapshot is thinned out by itself: with any of them gone, none first, all last. */
function someGone(name: string, state: State, heights: readonly number[], isNew: boolean): World[] {
  return subsets(heights).map((gone) => ({
    name: gone.length === 0 ? name : `${name}, ${gone.join()} gone`,
    state: withoutSnapshots(state, gone),
    isNew,
  }));
}

function subsets(of: readonly number[]): number[][] {
  return of.reduce<number[][]>((all, next) => [...all, ...all.map((some) => [...some, next])], [[]]);
}
