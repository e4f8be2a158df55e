import type { StepObserver } from "../driver.ts";

/** Does one change to the disk, and tells of it before and after. */
export type Step = <T>(name: string, work: () => T | Promise<T>) => Promise<T>;

export function stepper(onStep: StepObserver): Step {
  return async (name, work) => {
    onStep(name, "before");
    const result = await work();
    onStep(name, "after");
    return result;
  };
}
