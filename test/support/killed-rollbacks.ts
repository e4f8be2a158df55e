import { existsSync } from "node:fs";

import { afterAll, beforeAll, expect, it } from "vitest";

import { BtrfsImage } from "./btrfs-image.ts";
import type { Operation } from "./fixtures/operate.ts";
import { expectTidy, expectWhole, isAfter, killAtEveryStep, makeScene, type Scene, workOf } from "./kill-lab.ts";
import { Operators } from "./operators.ts";

const rollback: Operation = { kind: "rollback", height: 10 };
const both = (step: string): string[] => [`before ${step}`, `after ${step}`];
const upToExchange = [
  "make aside",
  "mark aside",
  "write journal",
  "make undo point",
  "describe undo point",
  "stage",
  "clear mark",
  "sync",
  "commit to exchange",
  "exchange",
];

/** @param remounting the steps that make the mount point of the volume show the new state */
export function killedRollbacks(isMounted: boolean, remounting: readonly string[]): void {
  const operators = new Operators();
  let image: BtrfsImage;
  beforeAll(async () => {
    image = await BtrfsImage.make();
  });
  afterAll(async () => {
    await operators.close();
    await image.dispose();
  });
  const fresh = (): Promise<Scene> => makeScene(image, { isMounted });

  it("at every step; the next snapshot recovers", async () => {
    const steps = await killAtEveryStep(operators, fresh, rollback, async (scene, { where }) => {
      const target = targetOf(scene);
      await expectWhole(scene, [scene.old, target], where);
      const hadJournal = expectsRecovery(where);
      const { taken, recovered } = await scene.btm.snapshot(1000);
      expect([taken, recovered.length], where).toEqual([true, hadJournal ? 1 : 0]);
      const isDone = recovered.join().startsWith("Finished") || wasCleared(where);
      const live = scene.volume.live();
      expect(live, where).toEqual(isDone ? target : scene.old);
      expectTidy(scene, isDone ? [scene.old] : isKept(recovered) ? [target] : [], where);
      expect(
        (await scene.btm.list()).map((snapshot) => snapshot.height),
        where,
      ).toEqual([0n, 10n, 20n, 1000n]);
    });
    expect(steps).toEqual(
      [...upToExchange, "sync again", ...remounting, "clear journal", "sync journal"].flatMap(both),
    );
  });

  it("at every step; the next rollback recovers, and keeps both states", async () => {
    await killAtEveryStep(operators, fresh, rollback, async (scene, { where }) => {
      const target = targetOf(scene);
      const { recovered } = await scene.btm.rollback(20);
      expect(recovered, where).toHaveLength(expectsRecovery(where) ? 1 : 0);
      const wasDone = recovered.join().startsWith("Finished") || wasCleared(where);
      await expectWhole(scene, [scene.snapshots.get(20n) ?? []], where);
      expectTidy(scene, wasDone ? [scene.old, target] : isKept(recovered) ? [target, scene.old] : [scene.old], where);
    });
  });

  it("at every step, and again at every step of the recovery", async () => {
    const whole = await operators.run(workOf(await fresh(), rollback));
    const nothingToClean: Operation = { kind: "clean", kept: 100 };
    for (const [killAt, step] of whole.steps.entries()) {
      if (!isAfter(step) || !expectsRecovery(step)) continue;
      const halfway = async (): Promise<Scene> => {
        const scene = await fresh();
        await operators.run(workOf(scene, rollback, undefined, killAt));
        return scene;
      };
      const recovery = await killAtEveryStep(
        operators,
        halfway,
        nothingToClean,
        async (scene, killed) => {
          const where = `killed ${step}, then in the recovery ${killed.where}`;
          const target = targetOf(scene);
          await expectWhole(scene, [scene.old, target], where);
          expect(await scene.btm.snapshot(1000), where).toMatchObject({ taken: true });
          const live = scene.volume.live();
          await expectWhole({ ...scene, old: live }, [live], where, { mayBeNew: [1000] });
          // Exchanged back, what may have been live is an undo point; which of the two recoveries did it is not told.
          const isThere = isMounted && existsSync(scene.volume.undoPath(1));
          expectTidy(scene, live.join() === target.join() ? [scene.old] : isThere ? [target] : [], where);
        },
        { only: isAfter },
      );
      expect(recovery.length, `a recovery after ${step}`).toBeGreaterThan(0);
    }
  });
}

function targetOf(scene: Scene): string[] {
  return scene.snapshots.get(10n) ?? [];
}

/** Whether a journal is on the disk at the moment. */
function expectsRecovery(where: string): boolean {
  return !/(make|mark) aside|before write journal/.test(where) && !wasCleared(where);
}

function wasCleared(where: string): boolean {
  return /after clear journal|sync journal/.test(where);
}

/** Whether recovery went back from a state that may have been live, which it then keeps. */
function isKept(recovered: readonly string[]): boolean {
  return recovered.join().includes("is kept as undo point");
}
