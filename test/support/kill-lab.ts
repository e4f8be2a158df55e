import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { expect } from "vitest";

import { Btm, type Snapshot } from "../../src/index.ts";
import type { BtrfsImage } from "./btrfs-image.ts";
import type { Operation, Work } from "./fixtures/operate.ts";
import { attributesOf, manifestOf } from "./manifest.ts";
import type { Operators, Outcome } from "./operators.ts";
import { btrfsVolume, type TestVolume } from "./volumes.ts";

export interface Scene {
  readonly volume: TestVolume;
  readonly btm: Btm;
  /** What was live. */
  readonly old: string[];
  /** What every snapshot holds, by height. */
  readonly snapshots: ReadonlyMap<bigint, string[]>;
}

export interface SceneOptions {
  readonly isMounted: boolean;
  /** The heights that btm snapshots. */
  readonly heights?: readonly number[];
  /** The heights that someone else does. */
  readonly byHand?: readonly number[];
}

let scenes = 0;

/** A fresh volume with a history, whose live state is in no snapshot. */
export async function makeScene(image: BtrfsImage, options: SceneOptions): Promise<Scene> {
  const volume = await btrfsVolume(image, `scene${String(scenes++)}`, options);
  const btm = new Btm({ volume: volume.path, itv: 10 });
  const snapshots = new Map<bigint, string[]>();
  for (const height of options.heights ?? [0, 10, 20]) {
    volume.write("state/height", String(height));
    await btm.snapshot(height, { force: true });
    snapshots.set(BigInt(height), manifestOf(volume.snapshotPath(height)));
  }
  for (const height of options.byHand ?? []) {
    volume.write("state/height", `${String(height)}, by hand`);
    await volume.snapshotByHand(height, { readOnly: height % 2 === 0 });
    snapshots.set(BigInt(height), manifestOf(volume.snapshotPath(height)));
  }
  volume.write("state/height", "live");
  volume.write("state/wal", "in no snapshot");
  return { volume, btm, old: volume.live(), snapshots };
}

export function workOf(scene: Scene, operation: Operation, cap?: number, killAt?: number): Work {
  return {
    volume: scene.volume.path,
    operation,
    ...(cap === undefined ? {} : { cap }),
    ...(killAt === undefined ? {} : { killAt }),
  };
}

/**
 * What must hold at every instant: a complete live volume at the path, and by its name; a list; every snapshot whole.
 *
 * @param mayBeGone heights that the operation destroys
 * @param mayBeNew heights that it takes
 */
export async function expectWhole(
  scene: Scene,
  liveStates: readonly (readonly string[])[],
  where: string,
  changes: { readonly mayBeGone?: readonly number[]; readonly mayBeNew?: readonly number[] } = {},
): Promise<void> {
  const { mayBeGone = [], mayBeNew = [] } = changes;
  const { volume, snapshots } = scene;
  expect(liveStates, `live by its path, ${where}`).toContainEqual(volume.live());
  expect(liveStates, `live by its name, ${where}`).toContainEqual(
    manifestOf(volume.snapshotPath(0).replace(/@0$/, "")),
  );
  // A fresh one: nothing remembered.
  const list = await new Btm({ volume: volume.path }).list();
  const listed = new Map<bigint, Snapshot>(list.map((snapshot) => [snapshot.height, snapshot]));
  for (const [height, content] of snapshots) {
    if (!listed.has(height)) {
      expect(mayBeGone.map(BigInt), `snapshot ${String(height)} is gone, ${where}`).toContain(height);
      continue;
    }
    expect(manifestOf(volume.snapshotPath(height)), `snapshot ${String(height)}, ${where}`).toEqual(content);
    listed.delete(height);
  }
  for (const [height, snapshot] of listed) {
    expect(mayBeNew.map(BigInt), `snapshot ${String(height)} is new, ${where}`).toContain(height);
    expect(snapshot.mark, `snapshot ${String(height)} is half made, ${where}`).toBeDefined();
    expect(manifestOf(volume.snapshotPath(height)), `snapshot ${String(height)}, ${where}`).toEqual(scene.old);
  }
}

/** Nothing of an interrupted operation is left: no journal, no mark on the live root, no undo point without a state. */
export function expectTidy(scene: Scene, undoPoints: readonly (readonly string[])[], where: string): void {
  const { volume } = scene;
  expect(attributesOf(volume.path), `attributes of the live root, ${where}`).toEqual({});
  const aside = join(volume.undoPath(1), "..", "..");
  if (!existsSync(aside)) {
    expect(undoPoints, `undo points, ${where}`).toEqual([]);
    return;
  }
  const found = readdirSync(aside)
    .sort()
    .filter((name) => name !== "README");
  // Killed between its making and its marking it is empty, and good for the next rollback.
  const isUnmarked = found.length === 0 && Object.keys(attributesOf(aside)).length === 0;
  if (!isUnmarked) expect(Object.keys(attributesOf(aside)), `attributes of ${aside}, ${where}`).toEqual(["user.btm"]);
  expect(found, `undo points, ${where}`).toEqual(undoPoints.map((_, i) => `undo-${String(i + 1)}`));
  for (const [i, state] of undoPoints.entries()) {
    const undo = join(aside, `undo-${String(i + 1)}`);
    expect(readdirSync(undo), `${undo}, ${where}`).toEqual(["live"]);
    expect(Object.keys(attributesOf(undo)), `${undo}, ${where}`).toEqual(["user.btm.undo"]);
    expect(manifestOf(join(undo, "live")), `${undo}, ${where}`).toEqual(state);
    expect(attributesOf(join(undo, "live")), `attributes in ${undo}, ${where}`).toEqual({});
  }
}

export interface KillCase {
  readonly outcome: Outcome;
  /** For messages: which call it was killed at. */
  readonly where: string;
}

export interface KillOptions {
  readonly cap?: number;
  /** Which calls, given all of them; each unless given. */
  readonly only?: (step: string) => boolean;
}

/**
 * Kills the operation at its first call of onStep, at its second, and so on to the last, each on a fresh scene.
 *
 * @returns all the calls
 */
export async function killAtEveryStep(
  operators: Operators,
  makeFresh: () => Promise<Scene>,
  operation: Operation,
  check: (scene: Scene, killed: KillCase) => Promise<void>,
  options: KillOptions = {},
): Promise<readonly string[]> {
  const { cap, only = () => true } = options;
  const whole = await operators.run(workOf(await makeFresh(), operation, cap));
  for (const [killAt, step] of whole.steps.entries()) {
    if (!only(step)) continue;
    const scene = await makeFresh();
    const outcome = await operators.run(workOf(scene, operation, cap, killAt));
    const where = `killed ${step}`;
    expect([outcome.wasKilled, outcome.steps], where).toEqual([true, whole.steps.slice(0, killAt + 1)]);
    await check(scene, { outcome, where });
  }
  return whole.steps;
}

/** Between the call after a step and the one before the next, nothing is meant to happen: one of the two will do. */
export function isAfter(step: string): boolean {
  return step.startsWith("after ");
}
