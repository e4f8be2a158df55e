import { createHash, randomInt } from "node:crypto";
import { setTimeout } from "node:timers/promises";

import { describe, type ExpectStatic, it } from "vitest";

import { findLab } from "../../tools/find-zfs.ts";
import type { Moment } from "./events.ts";
import { differences, worldsOf } from "./judge.ts";
import { Machine } from "./machine.ts";

const CUTS = Number(process.env["BTM_CUTS"] ?? 5);
const SEED = process.env["BTM_CUT_SEED"] ?? String(randomInt(2 ** 32));

interface Cut {
  readonly number: number;
  readonly moment: Moment;
  /** From the moment to the cut: in times that a snapshot takes, 0.1 s to 1 s in a guest. */
  readonly delay: number;
  readonly choice: number;
}

const AROUND_ROLLBACK = ["write journal", "unmount", "mount", "clear journal"];

function cutOf(number: number): Cut {
  const [a, b, c] = ["a", "b", "c"].map((what) => chance(`${String(number)} ${what}`)) as [number, number, number];
  const moments: readonly Moment[] = [
    { operation: "snapshot", step: "snapshot" },
    { operation: "rollback", step: "roll back" },
    { operation: "snapshot", step: "destroy" },
    { operation: "rollback", step: AROUND_ROLLBACK[Math.floor(a * AROUND_ROLLBACK.length)] ?? "" },
    { operation: "clean", step: "destroy" },
  ];
  const moment = moments[number % moments.length];
  if (moment === undefined) throw new TypeError("No moment");
  return { number, moment, delay: 2 * b, choice: c };
}

/** From 0 to below 1, the same for the same seed. */
function chance(of: string): number {
  return createHash("sha256").update(`${SEED} ${of}`).digest().readUInt32LE(0) / 2 ** 32;
}

const cuts = Array.from({ length: CUTS }, (_, number) => cutOf(number));

describe.skipIf(findLab() === undefined).concurrent(`the power is cut while btm works`, () => {
  it.for([
    ["2.1", "21"],
    ["2.3", "23"],
  ] as const)(
    "OpenZFS %s: what is live, and every snapshot, is one that may be, and btm goes on",
    { timeout: (CUTS + 1) * 120_000 },
    async ([name, zfs], { expect }) => {
      const own = cuts.filter(({ number }) => (number % 2 === 0) === (zfs === "21"));
      console.log(`${String(own.length)} power cuts, OpenZFS ${name}, BTM_CUT_SEED=${SEED}`);
      const machine = await Machine.make(findLab() ?? "", zfs);
      try {
        // Each boot looks at what the cut before has left, and works until the next.
        for (let boot = 0; boot <= own.length; boot++) {
          const [before, next] = [own[boot - 1], own[boot]];
          const guest = machine.boot({ boot, choice: next?.choice ?? 0, ...(next && { moment: next.moment }) });
          if (next === undefined) {
            await guest.end();
          } else {
            await setTimeout(next.delay * (await guest.word()));
            await guest.cut();
          }
          if (before !== undefined) judge(machine, boot, before, expect);
        }
      } finally {
        await machine.dispose();
      }
    },
  );
});

/** What a boot has found of what the cut before it had left. */
function judge(machine: Machine, boot: number, { number, moment, delay }: Cut, expect: ExpectStatic): void {
  const cut = `cut ${String(number)}, ${moment.operation}: ${delay.toFixed(2)} snapshot times after "before ${moment.step}"`;
  const [events, acks, seen] = [machine.events(boot - 1), machine.acks(boot - 1), machine.seen(boot)];
  const verdicts = worldsOf(events, acks).map((world) => ({ name: world.name, differences: differences(world, seen) }));
  const last = events.at(-1);
  const found = verdicts.find((verdict) => verdict.differences.length === 0)?.name;
  const reached = last?.kind === "step" ? last.at : last?.kind;
  console.log(
    `${cut}; reached "${reached ?? ""}"; found: ${found ?? "NONE THAT MAY BE"}; said: ${seen.recovered.join() || "-"}`,
  );
  expect(found === undefined ? verdicts : [], cut).toEqual([]);
  expect(seen.heightsBefore, cut).toEqual(Object.keys(seen.snapshots).map(Number));
  expect(seen, cut).toMatchObject({ unmarked: [], hasJournalAfter: false });
  expect(seen.status, cut).toMatch(/state: ONLINE\n[^]*with 0 errors[^]*errors: No known data errors/);
}
