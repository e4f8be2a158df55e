import type { Btm } from "../../src/index.ts";
import type { Work } from "./fixtures/operate.ts";
import type { Outcome } from "./operators.ts";
import type { TestVolume } from "./volumes.ts";
import type { World } from "./worlds.ts";

/** What a volume has been through before the operation. */
export type History = (btm: Btm, volume: TestVolume) => Promise<void>;

/** A file system on which operations are killed. */
export interface Ground {
  /** Whether a drop and a closing that were interrupted are finished by the recovery, and not by doing them again. */
  readonly recoveryDoesAll: boolean;
  open(): Promise<void>;
  /** A volume of its own. */
  fresh(history: History): Promise<TestVolume>;
  worldOf(volume: TestVolume): Promise<World>;
  /** Fails when what an interrupted operation has left is not what it may be before a recovery. */
  expectLive(volume: TestVolume, either: readonly (readonly string[])[], where: string): Promise<void>;
  /** Does it in a process of its own. */
  run(work: Work): Promise<Outcome>;
  close(): Promise<void>;
}
