import { describe, expect, it } from "vitest";

import type { Operation } from "../support/fixtures/operate.ts";
import { expectTidy, expectWhole, killAtEveryStep, makeScene, type Scene } from "../support/kill-lab.ts";
import { operatorSuite } from "../support/operator-suite.ts";

const suite = operatorSuite();
const { operators } = suite;

describe.each([
  ["a subvolume in a mounted directory", false],
  ["a mount point", true],
])("killed in %s", (_, isMounted) => {
  it.each([
    ["a snapshot", "forwards"],
    ["a rollback", "back"],
  ] as const)("while taking a snapshot and pruning; then comes %s", async (_, next) => {
    const operation: Operation = { kind: "snapshot", height: 30 };
    const steps = await killAtEveryStep(
      operators,
      () => makeScene(suite.image, { isMounted, heights: [0, 10, 20] }),
      operation,
      async (scene, { where }) => {
        await expectWhole(scene, [scene.old], where, { mayBeGone: [0, 10], mayBeNew: [30] });
        await expectNextWorks(scene, next, where);
      },
      { cap: 2 },
    );
    expect(steps).toEqual([
      ...[
        "before set mark",
        "after set mark",
        "before snapshot",
        "after snapshot",
        "before clear mark",
        "after clear mark",
      ],
      ...["before destroy", "before destroy", "after destroy", "after destroy"],
    ]);
  });

  it("while cleaning several", async () => {
    const steps = await killAtEveryStep(
      operators,
      () => makeScene(suite.image, { isMounted, heights: [0, 10, 20] }),
      { kind: "clean", kept: 1 },
      async (scene, { where }) => {
        await expectWhole(scene, [scene.old], where, { mayBeGone: [0, 10] });
        await expectNextWorks(scene, "forwards", where);
        await scene.btm.clean();
        expect(await scene.btm.list(), where).toEqual([]);
      },
    );
    expect(steps).toEqual(["before destroy", "before destroy", "after destroy", "after destroy"]);
  });

  it("while adopting several, read-only ones and writable ones", async () => {
    const steps = await killAtEveryStep(
      operators,
      () => makeScene(suite.image, { isMounted, heights: [0], byHand: [5, 6] }),
      { kind: "adopt" },
      async (scene, { where }) => {
        await expectWhole(scene, [scene.old], where);
        const { adopted, failed } = await scene.btm.adopt();
        expect([adopted.length <= 2, failed], where).toEqual([true, []]);
        const listed = await scene.btm.list();
        expect(
          listed.map(({ height, mark }) => [height, mark !== undefined]),
          where,
        ).toEqual([
          [0n, true],
          [5n, true],
          [6n, true],
        ]);
        await expectWhole(scene, [scene.old], where);
        await expectNextWorks(scene, "forwards", where);
      },
    );
    expect(steps).toEqual([
      ...["before set mark", "after set mark", "before make read-only", "after make read-only"],
      ...["before make writable", "after make writable", "before set mark", "after set mark"],
      ...["before make read-only", "after make read-only"],
    ]);
  });
});

async function expectNextWorks(scene: Scene, next: "forwards" | "back", where: string): Promise<void> {
  const { volume, btm, old } = scene;
  if (next === "forwards") {
    expect(await btm.snapshot(1000), where).toMatchObject({ taken: true, failed: [], recovered: [] });
    expectTidy(scene, [], where);
  } else {
    expect(await btm.rollback(20), where).toMatchObject({ recovered: [] });
    expect(volume.live(), where).toEqual(scene.snapshots.get(20n));
    expectTidy(scene, [old], where);
  }
}
