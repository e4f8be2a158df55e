import { randomInt } from "node:crypto";
import { setTimeout } from "node:timers/promises";

import { describe, expect, it } from "vitest";

import { findLab } from "../../tools/find-zfs.ts";
import { chance, isSameStep, mannerOf, nameOf, nextMoment, unique } from "./choice.ts";
import type { Layout } from "./disks.ts";
import type { Manner, Moment, Word } from "./events.ts";
import { differences, faults, worldsOf } from "./judge.ts";
import { Machine } from "./machine.ts";
import type { Traits } from "./model.ts";
import { btrfs, zfs } from "./traits.ts";

/** For each driver; those while it recovers come on top. */
const CUTS = Number(process.env["BTM_CUTS"] ?? 5);
const SEED = process.env["BTM_CUT_SEED"] ?? String(randomInt(2 ** 32));
/** From so many on no step is left out. */
const ALL = 100;
/** For a step that was not hit: whether it comes to it depends on what was drawn before. */
const ATTEMPTS = 6;
/** How many guests at a time: each keeps a core busy. */
const GUESTS = Number(process.env["BTM_CUT_GUESTS"] ?? 2);

interface Kind {
  readonly name: string;
  readonly layout: Layout;
  readonly zfs: "21" | "23";
}

interface Driver {
  readonly name: string;
  readonly traits: Traits;
  readonly kinds: readonly [Kind, Kind];
}

/** What all machines of a driver have come to know. */
interface Shared {
  readonly known: Moment[];
  readonly cut: Moment[];
  /** Also where it did not come to its moment. */
  readonly tried: Moment[];
  cuts: number;
}

interface Cut {
  readonly number: number;
  readonly boot: number;
  readonly word: Word;
  readonly manner: Manner;
}

const drivers: readonly Driver[] = [
  {
    name: "Btrfs",
    traits: btrfs,
    kinds: [
      { name: "beside its snapshots", layout: "btrfs beside", zfs: "21" },
      { name: "mounted by its name", layout: "btrfs mounted", zfs: "21" },
    ],
  },
  {
    name: "ZFS",
    traits: zfs,
    kinds: [
      { name: "OpenZFS 2.1", layout: "zfs", zfs: "21" },
      { name: "OpenZFS 2.3", layout: "zfs", zfs: "23" },
    ],
  },
];

describe.skipIf(findLab() === undefined)("the power is cut while btm works", () => {
  it.for(drivers)(
    "$name: the old state or the new one is live, nothing is lost or left over, and btm goes on",
    { timeout: (CUTS + 2) * 120_000 },
    async ({ name, traits, kinds }) => {
      console.log(`${String(CUTS)} power cuts, ${name}, BTM_CUT_SEED=${SEED}`);
      const shared: Shared = { known: [], cut: [], tried: [], cuts: 0 };
      await eachOf(kinds, GUESTS, (kind) => cutAgainAndAgain(kind, traits, shared, Math.ceil(CUTS / 2)));
      // What is done to a new disk only, or seldom.
      if (CUTS >= ALL) {
        const rest = missed(shared).map((step) => () => cutAgainAndAgain(kinds[0], traits, shared, ATTEMPTS, step));
        await eachOf(rest, GUESTS, (work) => work());
      }
      report(name, traits, shared);
    },
  );
});

/**
 * Each boot looks at what the cut before has left, and works until the next.
 *
 * @param only a step at which one cut is enough
 */
async function cutAgainAndAgain(
  kind: Kind,
  traits: Traits,
  shared: Shared,
  atMost: number,
  only?: Moment,
): Promise<void> {
  const machine = await Machine.make(findLab() ?? "", kind.zfs);
  let cut: Cut | undefined;
  let own = 0;
  let isHit = false;
  try {
    for (let boot = 0; ; boot++) {
      const isLast = own >= atMost || isHit;
      const seed = `${SEED} ${kind.name} ${String(boot)}`;
      const manner = mannerOf(seed);
      const recovery = shared.cut.filter(({ operation }) => operation === "recover");
      const guest = machine.boot({
        boot,
        layout: kind.layout,
        seed,
        manner,
        until: isLast
          ? "never"
          : (only ?? (boot === 0 ? "chosen" : nextMoment(knownTo(machine, boot), shared.tried, seed))),
        ...(boot > 0 && !isLast && chance(`${seed} recovery`) < 0.5 ? { recovery } : {}),
      });
      let word: Word | undefined;
      try {
        if (isLast) await guest.end();
        else {
          word = await guest.word();
          shared.tried.push(word.moment);
          if (word.isReached) shared.cut.push(word.moment);
          isHit ||= only !== undefined && word.isReached && isSameStep(word.moment, only);
          if (word.moment.operation !== "recover") own++;
          if (manner === "later") await setTimeout(4 * chance(`${seed} delay`) * word.stepMs);
          await guest.cut();
        }
      } finally {
        shared.known.push(...machine.moments(boot));
        // What it has seen comes before what it could not do then.
        if (cut !== undefined && machine.hasSeen(boot)) judge(kind, traits, machine, boot, cut);
      }
      if (word === undefined) return;
      // One that was cut while it recovered is of the operation before.
      cut = { number: ++shared.cuts, boot: machine.hasStarted(boot) ? boot : (cut?.boot ?? boot), word, manner };
      await machine.check(kind.layout);
    }
  } finally {
    await machine.dispose();
  }
}

function knownTo(machine: Machine, boots: number): Moment[] {
  return unique(Array.from({ length: boots }, (_, boot) => machine.moments(boot)).flat());
}

/** What a boot has found of what the cut before it had left. */
function judge(kind: Kind, traits: Traits, machine: Machine, boot: number, cut: Cut): void {
  const { moment, isReached } = cut.word;
  const name = `cut ${String(cut.number)}, ${kind.name}, ${nameOf(moment)}, ${isReached ? cut.manner : "NOT REACHED"}`;
  const seen = machine.seen(boot);
  const worlds = worldsOf(traits, machine.events(cut.boot), machine.acks(cut.boot));
  const verdicts = worlds.map((world) => ({ name: world.name, differences: differences(world, seen) }));
  const found = verdicts.find((verdict) => verdict.differences.length === 0)?.name;
  console.log(`${name}; found: ${found ?? "NONE THAT MAY BE"}; said: ${seen.recovered.join("; ") || "-"}`);
  expect(found === undefined ? verdicts : [], name).toEqual([]);
  expect(faults(traits, worlds, seen), name).toEqual([]);
}

async function eachOf<T>(items: readonly T[], lanes: number, work: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  const lane = async (): Promise<void> => {
    for (const item of rest) await work(item);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

/** The steps of operations at which no power was cut. */
function missed({ known, cut }: Shared): Moment[] {
  return stepsOf(known).filter(
    (step) => step.operation !== "recover" && !cut.some((moment) => isSameStep(moment, step)),
  );
}

function stepsOf(moments: readonly Moment[]): Moment[] {
  const all = unique(moments);
  return all.filter((moment, i) => all.findIndex((other) => isSameStep(moment, other)) === i);
}

function report(driver: string, traits: Traits, shared: Shared): void {
  const steps = stepsOf(shared.known);
  const count = (moments: readonly Moment[]): string =>
    [...new Set(steps.map(({ operation }) => operation))]
      .map((name) => `${name} ${String(moments.filter(({ operation }) => operation === name).length)}`)
      .join(", ");
  const left = missed(shared).map(({ operation, step }) => `${operation}: ${step}`);
  console.log(
    `${driver}: ${String(shared.cuts)} cuts: ${count(shared.cut)}; steps: ${count(steps)}, ` +
      `hit: ${count(stepsOf(shared.cut))}; BTM_CUT_SEED=${SEED}; not cut at: ${left.join(", ") || "-"}`,
  );
  // A name that no longer is that of a step would no longer decide anything.
  for (const step of [...traits.decides, ...traits.decided]) expect(steps.map((moment) => moment.step)).toContain(step);
  expect(CUTS >= ALL ? left : []).toEqual([]);
}
