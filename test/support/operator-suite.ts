import { afterAll, beforeAll } from "vitest";

import { BtrfsImage } from "./btrfs-image.ts";
import type { Operation } from "./fixtures/operate.ts";
import { makeScene, type Scene, workOf } from "./kill-lab.ts";
import { Operators } from "./operators.ts";

export interface OperatorSuite {
  readonly operators: Operators;
  readonly image: BtrfsImage;
  /** A new volume on which the operation was killed at that step: "before exchange". */
  killedAt(operation: Operation, step: string, options: { readonly isMounted: boolean }): Promise<Scene>;
}

/** One image for the tests of a file, and what runs operations on it that may be killed. */
export function operatorSuite(): OperatorSuite {
  const operators = new Operators();
  let current: BtrfsImage | undefined;
  const image = (): BtrfsImage => {
    if (current === undefined) throw new TypeError("No test is running");
    return current;
  };
  beforeAll(async () => {
    current = await BtrfsImage.make();
  });
  afterAll(async () => {
    await operators.close();
    await current?.dispose();
  });
  return {
    operators,
    get image() {
      return image();
    },
    async killedAt(operation, step, options) {
      const { steps } = await operators.run(workOf(await makeScene(image(), options), operation));
      const scene = await makeScene(image(), options);
      await operators.run(workOf(scene, operation, undefined, steps.indexOf(step)));
      return scene;
    },
  };
}
