import { isDeepStrictEqual } from "node:util";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { Btm } from "../../src/index.ts";
import type { Operation } from "./fixtures/operate.ts";
import type { Ground, History } from "./ground.ts";
import { isAfter } from "./kill-lab.ts";
import type { TestVolume } from "./volumes.ts";
import type { World } from "./worlds.ts";

interface Case {
  readonly name: string;
  readonly history: History;
  readonly operation: Operation;
  /** What the operation may leave that is neither as before nor as after. */
  readonly between?: (world: World, before: World, after: World) => boolean;
  /** Does the rest of it, which is then what the operation may leave on a file system whose recovery does not. */
  readonly again?: (btm: Btm) => Promise<unknown>;
}

const grow =
  (heights: readonly number[], words = ""): History =>
  async (btm, volume) => {
    for (const height of heights) {
      volume.write("state/height", `${String(height)}${words}`);
      await btm.snapshot(height, { force: true });
    }
    volume.write("state/height", `live${words}`);
    volume.write(`state/wal${words}`, "in no snapshot");
  };

const first = grow([0, 10, 20, 30]);
const rolledBack: History = async (btm, volume) => {
  await first(btm, volume);
  await btm.rollback(10, { keepUndo: 9 });
  await grow([20, 30], " of the second")(btm, volume);
};
/** Undo point 1 hangs on a snapshot that undo point 2 holds. */
const twice: History = async (btm, volume) => {
  await rolledBack(btm, volume);
  await btm.rollback(0, { keepUndo: 9 });
  await grow([10], " of the third")(btm, volume);
};

const clean = (world: World, before: World, after: World): boolean =>
  world.live.join() === before.live.join() &&
  after.snapshots.every((line) => world.snapshots.includes(line)) &&
  world.snapshots.every((line) => before.snapshots.includes(line));

/** An older undo point is dropped after the rollback has succeeded, so it may be there yet. */
const notDroppedYet = (world: World, _: World, after: World): boolean =>
  world.live.join() === after.live.join() && after.undoPoints.every((line) => world.undoPoints.includes(line));

/** Where an undo point hangs on another, what it hangs on is handed over to it first. */
const handedOver = (world: World, before: World): boolean =>
  world.live.join() === before.live.join() && world.undoPoints.length === before.undoPoints.length;

/** Unmounted, and there yet. */
const notClosedYet = (world: World, before: World): boolean =>
  world.live.join() === before.live.join() && world.clones.join() === before.clones.join();

const cases: readonly Case[] = [
  { name: "a rollback", history: first, operation: { kind: "rollback", height: 10 } },
  {
    name: "a rollback that carries files over",
    history: first,
    operation: { kind: "rollback", height: 10, preserve: ["state/wal"] },
  },
  {
    name: "a rollback that drops an older undo point",
    history: rolledBack,
    operation: { kind: "rollback", height: 0, keepUndo: 1 },
    between: notDroppedYet,
  },
  {
    name: "a rollback that discards what is newer",
    history: first,
    operation: { kind: "rollback", height: 10, discardNewer: true },
  },
  { name: "an undo", history: rolledBack, operation: { kind: "undo", keepUndo: 9 } },
  {
    name: "an undo that takes from another undo point",
    history: twice,
    operation: { kind: "undo", number: 1, keepUndo: 9 },
  },
  { name: "dropping an undo point", history: rolledBack, operation: { kind: "drop", number: 1 } },
  {
    name: "dropping one that another hangs on",
    history: twice,
    operation: { kind: "drop", number: 2 },
    between: handedOver,
    again: (btm) => btm.dropUndo(2),
  },
  { name: "cleaning", history: first, operation: { kind: "clean", kept: 1 }, between: clean },
  { name: "opening", history: first, operation: { kind: "open", height: 10 } },
  {
    name: "closing",
    history: async (btm, volume) => {
      await first(btm, volume);
      await btm.open(10);
    },
    operation: { kind: "close", height: 10 },
    between: notClosedYet,
    again: (btm) => btm.close(10),
  },
];

/** `make test-long` leaves nothing out. */
const isLong = process.env["BTM_TEST_LONG"] !== undefined;

/** What is done when the tests are not to take long. */
export interface KillChoice {
  /** The cases, each with the steps after which it is killed; all of all unless given. */
  readonly cases?: Readonly<Record<string, readonly string[] | "all">>;
  /** The cases whose recovery is killed as well, each with the steps after which it is. */
  readonly twice: Readonly<Record<string, readonly string[] | "all">>;
  /**
   * The cases in which a rollback and its undo follow once from each of the two worlds, which are then all that there is;
   * after every kill of every case unless given.
   */
  readonly goesOn?: readonly string[];
}

/** Kills every operation after each of its steps, and its recovery after each of its own. */
export function killedOperations(ground: Ground, choice: KillChoice): void {
  beforeAll(() => ground.open());
  afterAll(() => ground.close());

  const chosen = cases.filter(({ name }) => isLong || choice.cases === undefined || name in choice.cases);
  const isChosen = (step: string, among: readonly string[] | "all" = "all"): boolean =>
    isLong || among === "all" || among.some((name) => step === `after ${name}`);
  const goesOn = ({ name }: Case): GoesOn => {
    if (isLong || choice.goesOn === undefined) return "always";
    return choice.goesOn.includes(name) ? "once" : "never";
  };
  describe.each(chosen)("$name", (of) => {
    it("killed at any step, is done or not done", { timeout: 900_000 }, async () => {
      const trial = await Trial.make(ground, of, goesOn(of));
      for (const [killAt, step] of trial.steps.entries()) {
        // Between the call after a step and the one before the next nothing is meant to happen.
        if (!isLong && killAt > 0 && !isAfter(step)) continue;
        if (!isChosen(step, choice.cases?.[of.name])) continue;
        const volume = await trial.killed(killAt);
        await trial.settle(volume, `killed ${step}`);
      }
    });

    it.runIf(isLong || of.name in choice.twice)(
      "killed, and killed again at any step of the recovery, is done or not done",
      // Some hundred kills. A guard against a hang, for a machine with much else to do.
      { timeout: 900_000 },
      async () => {
        const trial = await Trial.make(ground, of, goesOn(of));
        for (const [killAt, step] of trial.steps.entries()) {
          if (!isAfter(step) || !isChosen(step, choice.twice[of.name])) continue;
          const whole = await trial.killed(killAt);
          const recovery = await ground.run({ volume: whole.volume, operation: { kind: "recover" } });
          await trial.settle(whole, `killed ${step}, then recovered`);
          for (const [again, next] of recovery.steps.entries()) {
            if (!isAfter(next)) continue;
            const volume = await trial.killed(killAt);
            await ground.run({ volume: volume.volume, operation: { kind: "recover" }, killAt: again });
            await trial.settle(volume, `killed ${step}, then in the recovery ${next}`);
          }
        }
      },
    );
  });
}

type GoesOn = "always" | "once" | "never";

/** One case, with what its volume is before and after it. */
class Trial {
  readonly steps: readonly string[];
  readonly #ground: Ground;
  readonly #of: Case;
  readonly #before: World;
  readonly #after: World;
  readonly #goesOn: GoesOn;
  /** The worlds from which a rollback has followed. */
  readonly #wentOn = new Set<World>();
  /** One that is as it was before all. */
  #unused: TestVolume | undefined;

  private constructor(
    ground: Ground,
    of: Case,
    { steps, before, after }: { readonly steps: readonly string[]; readonly before: World; readonly after: World },
    goesOn: GoesOn,
  ) {
    this.#ground = ground;
    this.#of = of;
    this.steps = steps;
    this.#before = before;
    this.#after = after;
    this.#goesOn = goesOn;
  }

  static async make(ground: Ground, of: Case, goesOn: GoesOn): Promise<Trial> {
    const volume = await ground.fresh(of.history);
    const before = await ground.worldOf(volume);
    const { steps } = await ground.run({ volume: volume.volume, operation: of.operation });
    const after = await ground.worldOf(volume);
    expect(after, "the operation does something").not.toEqual(before);
    return new Trial(ground, of, { steps, before, after }, goesOn);
  }

  async killed(killAt: number): Promise<TestVolume> {
    const volume = this.#unused ?? (await this.#ground.fresh(this.#of.history));
    this.#unused = undefined;
    const { wasKilled } = await this.#ground.run({ volume: volume.volume, operation: this.#of.operation, killAt });
    expect(wasKilled, this.steps[killAt]).toBe(true);
    return volume;
  }

  async settle(volume: TestVolume, where: string): Promise<void> {
    const [before, after] = [this.#before, this.#after];
    const btm = new Btm({ volume: volume.volume, itv: 10 });
    await this.#ground.expectLive(volume, [before.live, after.live], where);
    await btm.recover();
    const world = await this.#ground.worldOf(volume);
    let known = [before, after].find((one) => isDeepStrictEqual(one, world));
    const { between, again } = this.#of;
    const mayBeBetween = again === undefined || !this.#ground.recoveryDoesAll;
    if (known === undefined && !(mayBeBetween && between?.(world, before, after) === true)) {
      expect([before, after], where).toContainEqual(world);
    }
    if (known === undefined && again !== undefined) {
      await again(btm);
      expect(await this.#ground.worldOf(volume), `done again, ${where}`).toEqual(after);
      known = after;
    }
    expect((await btm.recover()).recovered, `nothing is left to recover, ${where}`).toEqual([]);
    if (this.#mustGoOn(known)) {
      if (known !== undefined) this.#wentOn.add(known);
      const { undo } = await btm.rollback(undefined, { keepUndo: 9 });
      await btm.undo(undo?.number, { keepUndo: 9 });
      expect(volume.live(), `rolled back and undone, ${where}`).toEqual(world.live);
    } else if (known === before) this.#unused = volume;
  }

  #mustGoOn(world: World | undefined): boolean {
    if (this.#goesOn !== "once") return this.#goesOn === "always";
    return world !== undefined && !this.#wentOn.has(world);
  }
}
